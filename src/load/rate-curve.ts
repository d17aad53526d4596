/**
 * A rate of arrivals over time, linear between knots. Two knots at the same time make a jump. Plain data, so that it
 * can be sent to worker threads.
 */
export interface RateCurve {
  /** Times of the knots in milliseconds from the start of the run, ascending; negative during the warm-up. */
  readonly timesMs: Float64Array
  /** Arrivals per second at each knot. */
  readonly perSecond: Float64Array
}

/** Finds the times at which a curve has brought a given number of arrivals; ask in ascending order. */
export interface CumulativeRate {
  /** Time in milliseconds at which `count` arrivals are expected since the first knot, or Infinity if never. */
  timeOf(count: number): number
}

/**
 * A curve through the given knots.
 *
 * @example rateCurve([[0, 10], [1_000, 20]]) // rises from 10 to 20 arrivals per second within a second
 */
export function rateCurve(knots: readonly (readonly [timeMs: number, perSecond: number])[]): RateCurve {
  return {
    timesMs: Float64Array.from(knots, ([timeMs]) => timeMs),
    perSecond: Float64Array.from(knots, ([, perSecond]) => perSecond),
  }
}

/** The same curve after `warmupMs` at the rate it starts with; the warm-up takes the times before zero. */
export function withWarmup(curve: RateCurve, warmupMs: number): RateCurve {
  if (warmupMs <= 0) return curve
  const timesMs = new Float64Array(curve.timesMs.length + 1)
  const perSecond = new Float64Array(timesMs.length)
  timesMs[0] = -warmupMs
  timesMs.set(curve.timesMs, 1)
  perSecond[0] = curve.perSecond[0] ?? 0
  perSecond.set(curve.perSecond, 1)
  return { timesMs, perSecond }
}

/** Arrivals expected over the whole curve: its integral. */
export function expectedArrivals(curve: RateCurve): number {
  let sum = 0
  for (let i = 1; i < curve.timesMs.length; i++) sum += segmentArea(curve, i)
  return sum
}

/** The middle of the time, in milliseconds, from the first moment at the highest rate to the last one. */
export function middleOfPeakMs({ timesMs, perSecond }: RateCurve): number {
  const peak = Math.max(...perSecond)
  return (timesMs[perSecond.indexOf(peak)]! + timesMs[perSecond.lastIndexOf(peak)]!) / 2
}

/** Arrivals per second at a time; outside the knots 0, at a jump the rate after it. */
export function rateAt(curve: RateCurve, timeMs: number): number {
  const { timesMs, perSecond } = curve
  for (let i = timesMs.length - 1; i > 0; i--) {
    const from = timesMs[i - 1] as number
    const to = timesMs[i] as number
    if (timeMs < from || timeMs >= to) continue
    const share = (timeMs - from) / (to - from)
    return (perSecond[i - 1] as number) * (1 - share) + (perSecond[i] as number) * share
  }
  return 0
}

/** Inverts the integral of a curve, moving forward only. */
export function cumulativeRate(curve: RateCurve): CumulativeRate {
  const { timesMs, perSecond } = curve
  let segment = 1
  let before = 0
  let area = timesMs.length > 1 ? segmentArea(curve, 1) : 0

  return {
    timeOf(count) {
      while (segment < timesMs.length && count > before + area) {
        before += area
        segment++
        area = segment < timesMs.length ? segmentArea(curve, segment) : 0
      }
      if (segment >= timesMs.length) return Number.POSITIVE_INFINITY
      const fromMs = timesMs[segment - 1] as number
      const start = (perSecond[segment - 1] as number) / 1_000
      const slope = ((perSecond[segment] as number) / 1_000 - start) / ((timesMs[segment] as number) - fromMs)
      // start·x + slope·x²/2 = count − before, solved in the form that keeps its digits when the slope is near zero.
      const rest = count - before
      const root = Math.sqrt(Math.max(0, start * start + 2 * slope * rest))
      return rest === 0 ? fromMs : fromMs + (2 * rest) / (start + root)
    },
  }
}

function segmentArea(curve: RateCurve, end: number): number {
  const widthMs = (curve.timesMs[end] as number) - (curve.timesMs[end - 1] as number)
  return (widthMs * ((curve.perSecond[end] as number) + (curve.perSecond[end - 1] as number))) / 2_000
}
