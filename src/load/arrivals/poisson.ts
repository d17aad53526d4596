import type { ArrivalOptions, ArrivalPlan } from '../arrival.ts'
import { rateCurve } from '../rate-curve.ts'

/** Independent users at a steady rate. */
export function poissonArrivals({ peakPerSecond, durationMs }: ArrivalOptions): ArrivalPlan {
  return {
    spacing: 'poisson',
    curve: rateCurve([
      [0, peakPerSecond],
      [durationMs, peakPerSecond],
    ]),
  }
}
