import type { ChildProcess, StdioOptions } from 'node:child_process'
import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { ChildUser } from './child-user.ts'
import { messageOf, TenfoldError } from './errors.ts'
import { gateCommand } from './spawn-gate.ts'
import type { SubprocessOptions } from './subprocess.ts'

/**
 * Creates the process, in a group of its own and as its user, waiting behind the gate (`spawn-gate.ts`).
 *
 * @throws TF_SPAWN_FAILED
 */
export async function spawnBehindGate(options: SubprocessOptions, joinFiles: readonly string[]): Promise<ChildProcess> {
  const { user, cwd = '/' } = options
  const files: FileHandle[] = []
  try {
    for (const file of joinFiles) files.push(await open(file, 'w'))
    const groups = files.map((file) => file.fd)
    const streams = options.isAttached === true ? ATTACHED : await intoFile(options, files)
    const stdio: StdioOptions = [...streams, 'pipe', ...groups]
    const gated = gateCommand({ command: options.command, args: options.args ?? [], env: options.env }, groups.length)
    const identity = user === undefined ? {} : { uid: user.uid, gid: user.gid }
    const child = spawn(gated.command, gated.args, { cwd, env: gated.env, stdio, detached: true, ...identity })
    await new Promise((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    return child
  } catch (error) {
    throw spawnFailed(options, (error as NodeJS.ErrnoException).code ?? '', error)
  } finally {
    await Promise.all(files.map((file) => file.close()))
  }
}

const ATTACHED = ['inherit', 'inherit', 'inherit'] as const

/** Both outputs into the file, which is added to those to close when the child has them. */
async function intoFile(
  { outputFile, user }: SubprocessOptions,
  files: FileHandle[],
): Promise<['ignore', number, number]> {
  await mkdir(dirname(outputFile), { recursive: true })
  const output = await open(outputFile, 'a', 0o600)
  files.push(output)
  if (user !== undefined) await letReopen(output, user)
  return ['ignore', output.fd, output.fd]
}

/** The error for what kept a program from starting: an error code of the system, or `'LEFT'`. */
export function spawnFailed(options: SubprocessOptions, code: string, cause?: unknown): TenfoldError {
  const { name, command, cwd = '/', outputFile, user } = options
  const who = user === undefined ? '' : ` as ${user.name}`
  const details = { name, command, cwd, outputFile, user: user?.name, code }
  const fail = (got: string, hint: string): TenfoldError =>
    new TenfoldError('TF_SPAWN_FAILED', `expected ${name} to start "${command}"${who}, got ${got}`, {
      hint,
      details,
      cause,
    })
  if (code === 'ENOENT' && !isDirectory(cwd)) return fail(`no directory ${cwd}`, 'create the working directory')
  if (cause === undefined && code === 'ENOENT') {
    return exists(command, cwd)
      ? fail('a file that may not be executed', `make ${command} executable and reachable${who}`)
      : fail('no such program', `install ${command}, give its absolute path, or correct the PATH it is looked up on`)
  }
  if (code === 'EMFILE' || code === 'ENFILE') return fail('too many open files', 'raise the limit: ulimit -n 65536')
  if (code === 'EAGAIN' || code === 'ENOMEM') {
    return fail(`${code}: no memory or process left`, 'stop other programs, or raise the limit: ulimit -u')
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return fail(messageOf(cause), `let the user enter ${cwd} and write ${outputFile}, or choose other paths`)
  }
  if (code === 'ENOSPC' || code === 'EROFS' || code === 'ENOTDIR') {
    return fail(messageOf(cause), `make room for ${outputFile}, or choose another path`)
  }
  if (code === 'LEFT') return fail('its end before it began', `read ${outputFile}, and the log of the kernel`)
  return fail(messageOf(cause), `read ${outputFile}, and try "${command}" by hand`)
}

/** Programs open `/dev/stdout` again by name, where it counts whose file it is; the group is enough to write. */
async function letReopen(output: FileHandle, user: ChildUser): Promise<void> {
  const { uid, mode } = await output.stat()
  await output.chown(uid, user.gid)
  await output.chmod((mode & 0o777) | 0o020)
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function exists(command: string, cwd: string): boolean {
  if (!command.includes('/')) return false
  return statSync(command.startsWith('/') ? command : `${cwd}/${command}`, { throwIfNoEntry: false }) !== undefined
}
