import type { ArrivalOptions, ArrivalPlan } from '../arrival.ts'
import { rateCurve } from '../rate-curve.ts'

/** Hours of the day and how far the rate is on the way from the night's level (0) to the peak (1). */
const DAY: readonly (readonly [hour: number, level: number])[] = [
  [0, 0.08],
  [2, 0.02],
  [4, 0],
  [6, 0.06],
  [8, 0.22],
  [10, 0.28],
  [11.5, 0.42],
  [12.5, 0.5],
  [14, 0.32],
  [15, 0.4],
  [16, 0.75],
  [17, 0.95],
  [17.5, 1],
  [18, 0.95],
  [19, 0.7],
  [20, 0.45],
  [22, 0.22],
  [24, 0.08],
]

/**
 * Independent users along one day, compressed into the duration: quiet before dawn, a rise at noon, the peak from
 * 16:00 to 19:00 with its top at 17:30.
 *
 * @param shape.night share of the peak in the quietest hour, @default 0.05
 */
export function dayArrivals(options: ArrivalOptions, shape: { night?: number } = {}): ArrivalPlan {
  const night = shape.night ?? 0.05
  return {
    spacing: 'poisson',
    curve: rateCurve(
      DAY.map(([hour, level]) => [
        (hour / 24) * options.durationMs,
        options.peakPerSecond * (night + (1 - night) * level),
      ]),
    ),
  }
}
