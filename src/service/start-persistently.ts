import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { isOutage } from '../topics/attempts.ts'
import { reportTrouble } from '../topics/trouble.ts'

const PAUSE_MIN_MS = 100
const PAUSE_MAX_MS = 5_000

/**
 * Starts what needs a database, however long that is not there.
 *
 * @throws TF_ABORTED, and what the start throws for another reason
 */
export async function startPersistently(
  component: Component,
  { clock, signal, what }: { readonly clock: Clock; readonly signal: AbortSignal; readonly what: string },
): Promise<void> {
  for (let pauseMs = PAUSE_MIN_MS; ; pauseMs = Math.min(PAUSE_MAX_MS, 2 * pauseMs)) {
    try {
      await component.start(signal)
      return
    } catch (error) {
      if (signal.aborted || !isOutage(error)) throw error
      reportTrouble(what, error)
      await sleep(clock, pauseMs, signal)
    }
  }
}
