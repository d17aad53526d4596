import { seededRandom } from '../core/random.ts'
import type { RateCurve } from './rate-curve.ts'
import { cumulativeRate } from './rate-curve.ts'

/** When sessions arrive, as plain data: the rate over time, and how single arrivals scatter around it. */
export interface ArrivalPlan {
  readonly curve: RateCurve
  /** `even`: as regular as the rate allows · `poisson`: independent of each other, as users are. */
  readonly spacing: 'even' | 'poisson'
}

/** What every shape of arrivals is made from. */
export interface ArrivalOptions {
  /** Arrivals per second at the peak. */
  readonly peakPerSecond: number
  readonly durationMs: number
}

/** The intended arrival times of one run, produced as they are needed. */
export interface ArrivalProcess {
  /**
   * Writes the next arrival times, milliseconds from the start of the run, ascending.
   *
   * @returns how many were written; fewer than `times.length` means that there are no more
   */
  fill(times: Float64Array): number
}

/**
 * The arrivals of a plan. The same plan and seed give the same times, whatever the chunks they are read in: a
 * generator with several workers lets each take every n-th arrival, and the sum does not depend on their number.
 *
 * A Poisson process of any rate is one of rate 1, run through the inverse of the cumulative rate (Çınlar, 1975).
 *
 * @example
 * const times = new Float64Array(1_000)
 * const count = createArrivalProcess(constantArrivals({ peakPerSecond: 10, durationMs: 1_000 }), 1).fill(times)
 * // count is 10, times are 50, 150, … 950
 */
export function createArrivalProcess(plan: ArrivalPlan, seed: number): ArrivalProcess {
  const random = seededRandom(seed).fork('arrivals')
  const cumulative = cumulativeRate(plan.curve)
  const isEven = plan.spacing === 'even'
  // Even arrivals sit in the middle of their share of the time, so that none falls on the edge of the run.
  let count = isEven ? -0.5 : 0

  return {
    fill(times) {
      let written = 0
      while (written < times.length) {
        count += isEven ? 1 : random.exponential(1)
        const timeMs = cumulative.timeOf(count)
        if (timeMs === Number.POSITIVE_INFINITY) break
        times[written++] = timeMs
      }
      return written
    },
  }
}
