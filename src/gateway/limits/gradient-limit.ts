/** How many requests a service is given at a time, found by how long they take. */
export interface GradientLimit {
  /** At this moment; a whole number. */
  readonly limit: number
  /** Moves the limit between these from now on. */
  bound(bounds: { readonly min: number; readonly max: number }): void
  /** A request was answered after this time, with so many under way when it was. */
  observe(latencyMs: number, inFlight: number, nowMs: number): void
}

/** A window has so many samples at least, and lasts so long: single requests say nothing. */
const WINDOW_SAMPLES = 10
const WINDOW_MS = 100
/** Windows that the long average goes back, roughly: ten minutes. */
const LONG_WINDOWS = 6_000
/** The first ones count alike, so that the very first does not count for minutes. */
const LONG_WARM_UP = 10
/** Latency may rise by half before the limit falls. */
const TOLERANCE = 1.5
/** Requests that may wait in the instances: room to find out whether there is more. */
const QUEUE = 4
const SMOOTHING = 0.2

/**
 * `gradient = clamp(1.5 × long ÷ short, 0.5, 1)`, `next = limit × gradient + 4`, of which a fifth is taken over: `short`
 * is the mean latency of a window, `long` that of ten minutes. While fewer than half are used nothing is learned. Source:
 * Gradient2Limit of Netflix's concurrency-limits, with windows of 100 ms instead of a second, and as long a memory. Begins at the least that it may be.
 */
export function createGradientLimit(initial: { readonly min: number; readonly max: number }): GradientLimit {
  let bounds = initial
  let estimate = initial.min
  let longMs = 0
  let windows = 0
  let [count, sumMs, inFlightMax] = [0, 0, 0]
  let endsMs = -Infinity

  const learn = (shortMs: number): void => {
    windows += 1
    const factor = windows <= LONG_WARM_UP ? 1 / windows : 2 / (LONG_WINDOWS + 1)
    longMs += (shortMs - longMs) * factor
    // After a long time of overload the average would hold that to be normal for as long again.
    if (longMs > 2 * shortMs) longMs *= 0.95
    if (inFlightMax < estimate / 2) return
    const gradient = Math.max(0.5, Math.min(1, (TOLERANCE * longMs) / Math.max(shortMs, 0.001)))
    const next = estimate * (1 - SMOOTHING) + (estimate * gradient + QUEUE) * SMOOTHING
    estimate = Math.max(bounds.min, Math.min(bounds.max, next))
  }

  return {
    get limit() {
      return Math.floor(estimate)
    },
    bound(next) {
      bounds = next
      estimate = Math.max(bounds.min, Math.min(bounds.max, estimate))
    },
    observe(latencyMs, inFlight, nowMs) {
      if (count === 0) endsMs = nowMs + WINDOW_MS
      count += 1
      sumMs += latencyMs
      if (inFlight > inFlightMax) inFlightMax = inFlight
      if (count < WINDOW_SAMPLES || nowMs < endsMs) return
      learn(sumMs / count)
      ;[count, sumMs, inFlightMax] = [0, 0, 0]
    },
  }
}
