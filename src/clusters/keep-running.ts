import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { ExitStatus, Subprocess } from '../core/subprocess.ts'
import type { ClusterState } from './cluster-state.ts'

/** What it takes to keep a server running. */
export interface KeepRunningOptions {
  /** The server that runs now. */
  readonly server: Pick<Subprocess, 'exited'>
  /** Starts it again; rejects when it does not come up. */
  restart(): Promise<Pick<Subprocess, 'exited'>>
  /** Ends the keeping, not the server. */
  readonly signal: AbortSignal
  readonly clock: Clock
  onState(state: ClusterState): void
}

const RESTART_FIRST_MS = 100
const RESTART_MAX_MS = 30_000
/** A server that ran this long has earned a quick restart again. */
const STABLE_AFTER_MS = 60_000

/** Pause before the restart of this number in a row: doubles each time, up to half a minute. */
export function restartDelayMs(attempt: number): number {
  return Math.min(RESTART_MAX_MS, RESTART_FIRST_MS * 2 ** Math.min(attempt - 1, 20))
}

/** Waits for a server to end by itself, and starts it again after a pause, until the signal is aborted. */
export async function keepRunning(options: KeepRunningOptions): Promise<void> {
  const { signal, clock, onState } = options
  const stopped = Promise.withResolvers<undefined>()
  const onAbort = (): void => stopped.resolve(undefined)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  let server: KeepRunningOptions['server'] = options.server
  let sinceMs = clock.nowMs()
  let attempt = 0
  for (;;) {
    const exit = await Promise.race([server.exited, stopped.promise])
    if (exit === undefined || signal.aborted) return
    if (clock.nowMs() - sinceMs >= STABLE_AFTER_MS) attempt = 0
    let reason = describeExit(exit)
    for (let next: typeof server | undefined; next === undefined;) {
      const delayMs = restartDelayMs(++attempt)
      onState({ kind: 'backing-off', reason, attempt, delayMs })
      try {
        await sleep(clock, delayMs, signal)
        next = await options.restart()
        server = next
      } catch (error) {
        if (signal.aborted) return
        reason = messageOf(error)
      }
    }
    sinceMs = clock.nowMs()
    onState({ kind: 'ready' })
  }
}

function describeExit(exit: ExitStatus): string {
  if (exit.signal !== undefined) return `the server was ended by ${exit.signal}`
  return exit.code === undefined ? 'the server ended' : `the server ended with code ${exit.code}`
}
