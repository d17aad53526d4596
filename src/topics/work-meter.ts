import type { Clock } from '../core/clock.ts'

/**
 * How long a consumer had more to do than it could: while something waits for a place, or a partition has more than was
 * read. What it does in that time is what it can do; at other times it does what comes.
 */
export interface WorkMeter {
  /** Time of that kind so far, ms. */
  busyMs(): number
  /** A reason to be busy, which may come and go. */
  reason(): { set(isThere: boolean): void }
}

/** Made for each consumer. */
export function createWorkMeter(clock: Clock): WorkMeter {
  let reasons = 0
  let pastMs = 0
  let sinceMs = 0
  function change(by: 1 | -1): void {
    const nowMs = clock.nowMs()
    if (reasons > 0) pastMs += nowMs - sinceMs
    sinceMs = nowMs
    reasons += by
  }
  return {
    busyMs: () => (reasons > 0 ? pastMs + clock.nowMs() - sinceMs : pastMs),
    reason() {
      let wasThere = false
      return {
        set(isThere) {
          if (isThere !== wasThere) change(isThere ? 1 : -1)
          wasThere = isThere
        },
      }
    },
  }
}
