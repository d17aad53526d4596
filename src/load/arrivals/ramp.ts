import type { ArrivalOptions, ArrivalPlan } from '../arrival.ts'
import { rateCurve } from '../rate-curve.ts'

/**
 * Independent users whose rate rises (or falls) linearly.
 *
 * @param shape.from share of the peak at the start, @default 0
 * @param shape.to share of the peak at the end, @default 1
 */
export function rampArrivals(options: ArrivalOptions, shape: { from?: number; to?: number } = {}): ArrivalPlan {
  const { peakPerSecond, durationMs } = options
  return {
    spacing: 'poisson',
    curve: rateCurve([
      [0, peakPerSecond * (shape.from ?? 0)],
      [durationMs, peakPerSecond * (shape.to ?? 1)],
    ]),
  }
}
