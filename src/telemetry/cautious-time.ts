/** A leap that no slow machine explains. */
const LEAP_MS = 60_000
/** How long a leap forward is not believed. */
const DOUBT_MS = 3_600_000

/**
 * The time by which what is old is let go. When the wall clock leaps forward this goes on as if it had not, for an hour:
 * whoever has set it wrong, and sets it back, has lost nothing. Backward it follows at once.
 */
export function createCautiousTime({ epochMs, nowMs }: { epochMs: () => number; nowMs: () => number }): () => number {
  let known = { epochMs: epochMs(), nowMs: nowMs() }
  let leaptMs: number | undefined
  return () => {
    const now = { epochMs: epochMs(), nowMs: nowMs() }
    const expectedEpochMs = known.epochMs + (now.nowMs - known.nowMs)
    if (now.epochMs - expectedEpochMs > LEAP_MS) {
      leaptMs ??= now.nowMs
      if (now.nowMs - leaptMs < DOUBT_MS) return expectedEpochMs
    }
    leaptMs = undefined
    known = now
    return now.epochMs
  }
}
