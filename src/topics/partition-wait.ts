import type { Clock } from '../core/clock.ts'

/** How a partition waits for something to do. */
export interface PartitionWait {
  /** There may be something: ends the wait, or the next one at once. */
  wake(): void
  /** Waits until it is woken, at most for a pause that doubles with each wait that was in vain. */
  wait(): Promise<void>
  /** Something came: the next pause is short again. */
  reset(): void
  end(): void
}

/** @see createPartitionWait */
export interface PartitionWaitOptions {
  readonly clock: Clock
  /** @default 100 */
  readonly pauseMinMs?: number
  /** @default 2000 */
  readonly pauseMaxMs?: number
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal
}

/** Wake-ups are a help, looking is the truth: a lost one costs the pause. */
export function createPartitionWait(options: PartitionWaitOptions): PartitionWait {
  const { clock, pauseMinMs = 100, pauseMaxMs = 2_000, signal } = options
  let pauseMs = pauseMinMs
  let isWoken = false
  let resume: (() => void) | undefined
  const wake = (): void => {
    isWoken = true
    resume?.()
  }
  signal.addEventListener('abort', wake)
  return {
    wake,
    async wait() {
      if (!isWoken && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const cancel = clock.schedule(pauseMs, resolve)
          resume = () => {
            cancel()
            resolve()
          }
        })
        resume = undefined
        pauseMs = Math.min(pauseMaxMs, pauseMs * 2)
      }
      isWoken = false
    },
    reset: () => void (pauseMs = pauseMinMs),
    end: () => signal.removeEventListener('abort', wake),
  }
}
