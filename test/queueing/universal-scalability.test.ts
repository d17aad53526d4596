import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { seededRandom } from '../../src/core/random.ts'
import type { ScalingLaw, ScalingPoint } from '../../src/queueing/universal-scalability.ts'
import { fitScaling, fitScalingLinear, peakSize, scaledThroughput } from '../../src/queueing/universal-scalability.ts'

// Gunther, Guerrilla Capacity Planning (2007), chapter 5: a ray tracer on up to 64 processors. The fit is printed by the
// package `usl` for R: σ = 0.05002, κ = 4.709e-6, peak at 449.
const RAY_TRACER: readonly ScalingPoint[] = [
  [1, 20],
  [4, 78],
  [8, 130],
  [12, 170],
  [16, 190],
  [20, 200],
  [24, 210],
  [28, 230],
  [32, 260],
  [48, 280],
  [64, 310],
].map(([size, throughput]) => ({ size: size as number, throughput: throughput as number }))

test('the linear fit of the ray tracer is the one in print', () => {
  const law = fitScalingLinear(RAY_TRACER) as ScalingLaw
  expect(law.contention).toBeCloseTo(0.05002, 5)
  expect(law.coherency).toBeCloseTo(4.709e-6, 8)
  expect(peakSize(law)).toBeCloseTo(449, 0)
})

test('and says nothing of a peak at seven times the largest measured size', () => {
  const fit = fitScaling(RAY_TRACER, { random: seededRandom(1) })
  expect(fit.peak).toEqual({ state: 'none-up-to', size: 64 })
  expect(fit.intervals.contention.low).toBeLessThan(0.05002)
  expect(fit.intervals.contention.high).toBeGreaterThan(0.05002)
  expect(fit.intervals.coherency.low).toBe(0)
})

const LAW: ScalingLaw = { ofOne: 100, contention: 0.03, coherency: 0.0005 }

test('finds any law again from points without noise', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1, max: 1e5, noNaN: true }),
      fc.double({ min: 0, max: 0.5, noNaN: true }),
      fc.double({ min: 0, max: 0.01, noNaN: true }),
      (ofOne, contention, coherency) => {
        const law = { ofOne, contention, coherency }
        const points = [1, 2, 4, 8, 16, 32, 64].map((size) => ({ size, throughput: scaledThroughput(law, size) }))
        const fit = fitScaling(points, { random: seededRandom(1), resamples: 3 })
        expect(fit.ofOne / ofOne).toBeCloseTo(1, 4)
        expect(fit.contention).toBeCloseTo(contention, 4)
        expect(fit.coherency).toBeCloseTo(coherency, 5)
      },
    ),
    { numRuns: 40 },
  )
})

test.each([
  ['never from sizes far below it', [1, 2, 3, 4, 6, 8], 0, 0.1],
  ['always from sizes beyond it', [1, 2, 4, 8, 16, 32, 48, 64], 1, 1],
])('a peak at 44 is told %s', (_name, sizes, least, most) => {
  let told = 0
  let held = 0
  const runs = 20
  for (let seed = 0; seed < runs; seed++) {
    const { peak } = fitScaling(measured(sizes, seed), { random: seededRandom(seed), resamples: 100 })
    if (peak.state === 'none-up-to') continue
    told++
    if (peak.low <= peakSize(LAW) && peakSize(LAW) <= peak.high) held++
  }
  expect(told / runs).toBeGreaterThanOrEqual(least)
  expect(told / runs).toBeLessThanOrEqual(most)
  if (least === 1) expect(held / runs).toBeGreaterThanOrEqual(0.75)
})

test('a linear fit needs a measurement of one', () => {
  expect(fitScalingLinear([{ size: 2, throughput: 10 }])).toBeUndefined()
})

test('without coherency more is never less', () => {
  expect(peakSize({ ofOne: 1, contention: 0.1, coherency: 0 })).toBe(Infinity)
  expect(peakSize({ ofOne: 1, contention: 1.2, coherency: 0.1 })).toBe(1)
})

test('refuses too few sizes, and throughputs of nothing', () => {
  const random = seededRandom(1)
  expect(() => fitScaling(RAY_TRACER.slice(0, 3), { random })).toThrow(/expected 4 points of 3 sizes/)
  expect(() => fitScaling([...RAY_TRACER, { size: 80, throughput: 0 }], { random })).toThrow(/above 0/)
})

/** Three measurements of each size, 3 % apart. */
function measured(sizes: readonly number[], seed: number): readonly ScalingPoint[] {
  const random = seededRandom(seed)
  return sizes.flatMap((size) =>
    [0, 1, 2].map(() => ({ size, throughput: scaledThroughput(LAW, size) * Math.exp(0.03 * random.normal()) })),
  )
}
