/**
 * The latency of an instance: an exponentially weighted average that jumps up to a worse sample at once and comes down
 * slowly (Finagle's Peak EWMA). An instance that gets no requests decays as well, so that it is tried again.
 */
export interface PeakEwma {
  /** The average at `nowMs`, in milliseconds; never below `LATENCY_MS_MIN`. */
  at(nowMs: number): number
  /** One answer took this long. */
  observe(latencyMs: number, nowMs: number): void
}

/** Differences below this are noise: instances that answer faster count as equally fast. */
export const LATENCY_MS_MIN = 0.5
/** Time in which the memory of a sample fades to 1/e. */
export const DECAY_MS = 10_000

/** @param initialMs what to assume before the first answer: the average of the peers, so that a newcomer is not flooded */
export function createPeakEwma(initialMs: number, nowMs: number): PeakEwma {
  let averageMs = Math.max(initialMs, LATENCY_MS_MIN)
  let updatedMs = nowMs
  return {
    at: (nowMs) => Math.max(LATENCY_MS_MIN, averageMs * fade(nowMs - updatedMs)),
    observe(latencyMs, nowMs) {
      const kept = fade(nowMs - updatedMs)
      averageMs = latencyMs > averageMs * kept ? latencyMs : averageMs * kept + latencyMs * (1 - kept)
      updatedMs = nowMs
    },
  }
}

function fade(elapsedMs: number): number {
  return elapsedMs <= 0 ? 1 : Math.exp(-elapsedMs / DECAY_MS)
}
