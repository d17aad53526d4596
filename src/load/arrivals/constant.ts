import type { ArrivalOptions, ArrivalPlan } from '../arrival.ts'
import { rateCurve } from '../rate-curve.ts'

/** Evenly spaced arrivals at the peak rate: for comparing machines, not for modelling users. */
export function constantArrivals({ peakPerSecond, durationMs }: ArrivalOptions): ArrivalPlan {
  return {
    spacing: 'even',
    curve: rateCurve([
      [0, peakPerSecond],
      [durationMs, peakPerSecond],
    ]),
  }
}
