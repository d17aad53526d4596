/** How long an item may be expected to lie in one worker while another could begin it. */
const AHEAD_MS = 50

/** How many items a worker claims beyond those that it can begin at once. */
export interface ClaimAhead {
  /** A handler has taken so long for an item. */
  observe(durationMs: number): void
  /** With `concurrency` handlers at once, at most `max`; 0 as long as nothing is known. */
  count(concurrency: number, max: number): number
}

/**
 * Short items are claimed ahead, so that a claim serves many of them; long ones are not, so that they wait in the queue,
 * where anybody can have them. By the moving average of what handlers take, the newest counting for a tenth.
 */
export function createClaimAhead(): ClaimAhead {
  let averageMs: number | undefined
  return {
    observe(durationMs) {
      averageMs = averageMs === undefined ? durationMs : averageMs * 0.9 + durationMs * 0.1
    },
    count(concurrency, max) {
      if (averageMs === undefined) return 0
      return Math.min(max, Math.floor((concurrency * AHEAD_MS) / Math.max(averageMs, 0.001)))
    },
  }
}
