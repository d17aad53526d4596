import type { ChildUser } from '../core/child-user.ts'
import type { ExitStatus, Subprocesses } from '../core/subprocess.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import { readLogTail, sizeOf } from './start-failure.ts'

/** @see runInitdb */
export interface InitdbOptions {
  /** Of the cluster. */
  readonly name: string
  readonly args: readonly string[]
  readonly binaries: PostgresBinaries
  readonly subprocesses: Subprocesses
  readonly user: ChildUser | undefined
  readonly logFile: string
  readonly signal: AbortSignal
}

/**
 * Runs initdb to its end; throws only when it is cancelled or cannot be started.
 *
 * @returns how it ended, and the end of what it said
 */
export async function runInitdb(
  options: InitdbOptions,
): Promise<{ readonly exit: ExitStatus; readonly lines: readonly string[] }> {
  const { signal, logFile } = options
  const logStart = await sizeOf(logFile)
  const initdb = await options.subprocesses.spawn({
    name: `${options.name}-initdb`,
    command: options.binaries.initdb,
    args: options.args,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    cwd: '/',
    user: options.user,
    outputFile: logFile,
  })
  const cancel = (): void => void initdb.stop(0)
  signal.addEventListener('abort', cancel, { once: true })
  if (signal.aborted) cancel()
  const exit = await initdb.exited
  signal.removeEventListener('abort', cancel)
  signal.throwIfAborted()
  return { exit, lines: await readLogTail(logFile, logStart) }
}
