import type { ArrivalOptions, ArrivalPlan } from '../arrival.ts'
import { rateCurve } from '../rate-curve.ts'

/**
 * Independent users at a base rate, and at the peak for the middle of the time, without warning.
 *
 * @param shape.base share of the peak outside the spike, @default 0.1
 * @param shape.width share of the time that the spike lasts, @default 0.2
 */
export function spikeArrivals(options: ArrivalOptions, shape: { base?: number; width?: number } = {}): ArrivalPlan {
  const { peakPerSecond, durationMs } = options
  const base = peakPerSecond * (shape.base ?? 0.1)
  const width = shape.width ?? 0.2
  const startMs = (durationMs * (1 - width)) / 2
  const endMs = (durationMs * (1 + width)) / 2
  return {
    spacing: 'poisson',
    curve: rateCurve([
      [0, base],
      [startMs, base],
      [startMs, peakPerSecond],
      [endMs, peakPerSecond],
      [endMs, base],
      [durationMs, base],
    ]),
  }
}
