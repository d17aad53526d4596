import { spawn } from 'node:child_process'
import { fstatSync, openSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import { connectControl } from '../control/control-client.ts'
import type { RunningSystem } from '../control/running-system.ts'
import { findRunning } from '../control/running-system.ts'
import type { SystemSnapshot } from '../control/snapshot.ts'
import { makeStateDirectory } from '../control/state-directory.ts'
import { findChildUser } from '../core/child-user.ts'
import { sleep, systemClock } from '../core/clock.ts'
import { hasCode, TenfoldError } from '../core/errors.ts'
import type { CommandInput, ExitCode } from './command.ts'
import { EXIT } from './command.ts'
import { partStates, progressLines, startingLine } from './start-progress.ts'
import { statusView } from './status-view.ts'

const POLL_MS = 200

/**
 * Starts the control plane as a process of its own, waits until the system runs, and leaves it running. Ctrl-C while
 * waiting stops it again.
 *
 * @throws TF_ALREADY_RUNNING, TF_STATE_UNUSABLE; TF_DETACHED_START_FAILED with what it said
 */
export async function startDetached(input: CommandInput, blueprint: ResolvedBlueprint): Promise<ExitCode> {
  const { terminal, options, signal, hurry } = input
  const { directory, logsDirectory } = await makeStateDirectory(blueprint, findChildUser())
  const running = await findRunning(directory)
  if (running !== undefined) throw alreadyRunning(blueprint, running)
  const logFile = join(logsDirectory, 'control-plane.log')
  // A new file, not the old one emptied: a copy that starts at the same moment still writes to that.
  rmSync(logFile, { force: true })
  const log = openSync(logFile, 'ax+', 0o600)
  const args = process.argv.slice(2).filter((argument) => argument !== '--detach')
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...args], {
    detached: true,
    stdio: ['ignore', log, log],
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let hasExited = false
  void exited.then(() => (hasExited = true))

  const control = connectControl(directory)
  let before: ReadonlyMap<string, string> | undefined
  for (;;) {
    const snapshot = await control.snapshot().catch((error: unknown) => {
      if (hasCode(error, 'TF_NOT_RUNNING') || hasCode(error, 'TF_CONTROL_UNREACHABLE')) return undefined
      throw error
    })
    if (hasExited) throw startFailed(logFile, endOf(log))
    if (signal.aborted) {
      child.kill('SIGTERM')
      hurry.addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
      await exited
      return EXIT.interrupted
    }
    // Somebody else's system may answer there: then ours ends by itself and says so.
    if (snapshot !== undefined && snapshot.pid === child.pid) {
      before = show(snapshot, before, input)
      // One that was ready and is not any more: it has started all the same, and is shown as it is.
      if (snapshot.phase === 'running' || snapshot.phase === 'degraded') {
        child.unref()
        terminal.progress('')
        terminal.out(options['json'] === true ? JSON.stringify(snapshot) : statusView(snapshot, terminal.style))
        return EXIT.success
      }
    }
    await sleep(systemClock, POLL_MS, signal).catch(() => undefined)
  }
}

function show(
  snapshot: SystemSnapshot,
  before: ReadonlyMap<string, string> | undefined,
  { terminal }: CommandInput,
): ReadonlyMap<string, string> {
  const now = partStates(snapshot)
  if (terminal.isInteractive) terminal.progress(startingLine(snapshot).slice(0, terminal.columns - 1))
  else for (const line of progressLines(before, now)) terminal.note(line)
  return now
}

/** The last of what stands in a file, wherever its other holders write. */
function endOf(file: number): string {
  const { size } = fstatSync(file)
  const buffer = Buffer.alloc(Math.min(size, 64 * 1024))
  readSync(file, buffer, 0, buffer.length, size - buffer.length)
  return buffer.toString('utf8')
}

function startFailed(logFile: string, text: string): TenfoldError {
  const said = text.trim().split('\n').slice(-5).join('\n')
  return new TenfoldError('TF_DETACHED_START_FAILED', `expected the system to start, but it said: ${said}`, {
    hint: `read ${logFile}`,
    details: { logFile },
  })
}

function alreadyRunning({ name }: ResolvedBlueprint, { pid }: RunningSystem): TenfoldError {
  return new TenfoldError('TF_ALREADY_RUNNING', `expected ${name} not to run yet, but process ${pid} runs it`, {
    hint: '"tenfold status" shows it, "tenfold down" stops it',
    details: { pid },
  })
}
