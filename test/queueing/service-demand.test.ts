import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { seededRandom } from '../../src/core/random.ts'
import type { DemandSample } from '../../src/queueing/service-demand.ts'
import { fitServiceDemand, saturationOf } from '../../src/queueing/service-demand.ts'

// Anscombe's first quartet (The American
// Statistician 27, 1973): y = 3.00 + 0.500 x, standard errors 1.125 and 0.118.
const ANSCOMBE: readonly (readonly [number, number])[] = [
  [10, 8.04],
  [8, 6.95],
  [13, 7.58],
  [9, 8.81],
  [11, 8.33],
  [14, 9.96],
  [6, 7.24],
  [4, 4.26],
  [12, 10.84],
  [7, 4.82],
  [5, 5.68],
]

const samplesOf = (points: readonly (readonly [number, number])[]): readonly DemandSample[] =>
  points.map(([requestsPerSecond, busy]) => ({ requestsPerSecond, busy }))

test('is the regression of the textbook, with its standard errors', () => {
  const demand = fitServiceDemand(samplesOf(ANSCOMBE))
  expect(demand).toMatchObject({ idle: 'fitted', samples: 11 })
  expect(demand.demandMs).toBeCloseTo(500.1, 1)
  expect(demand.demandMsError).toBeCloseTo(117.9, 1)
  expect(demand.idleBusy).toBeCloseTo(3.0, 2)
  expect(demand.idleBusyError).toBeCloseTo(1.125, 3)
})

test('one load level tells no idle part: everything is put down to requests, and it says so', () => {
  const demand = fitServiceDemand(
    samplesOf([
      [100, 0.25],
      [101, 0.25],
      [99, 0.26],
      [100, 0.24],
    ]),
  )
  expect(demand.idle).toBe('assumed-none')
  expect(demand.demandMs).toBeCloseTo(2.5, 2)
})

test('an idle part below nothing is none', () => {
  const demand = fitServiceDemand(
    samplesOf([
      [10, 0],
      [20, 0.1],
      [30, 0.22],
      [40, 0.3],
    ]),
  )
  expect(demand).toMatchObject({ idle: 'none', idleBusy: 0 })
  expect(demand.demandMs).toBeCloseTo((0.1 * 20 + 0.22 * 30 + 0.3 * 40) / 3, 8)
})

test('what is busy whatever is asked of it needs nothing for a request', () => {
  const demand = fitServiceDemand(
    samplesOf([
      [10, 0.6],
      [20, 0.55],
      [30, 0.5],
      [40, 0.52],
    ]),
  )
  expect(demand).toMatchObject({ demandMs: 0, idle: 'fitted' })
  expect(saturationOf(demand, 1)).toMatchObject({ requestsPerSecond: Infinity, high: Infinity })
})

test('a weight counts as so many samples in the same place', () => {
  const [first, ...rest] = samplesOf([
    [10, 1],
    [20, 3],
    [30, 4],
    [40, 6],
  ])
  const weighted = fitServiceDemand([{ ...(first as DemandSample), weight: 2 }, ...rest])
  const repeated = fitServiceDemand([first as DemandSample, first as DemandSample, ...rest])
  expect(weighted.demandMs).toBeCloseTo(repeated.demandMs, 10)
})

test.each([
  ['of their own', 0],
  ['that resemble their neighbours', 0.6],
])('19 of 20 intervals of the saturation hold the truth, with seconds %s', (_name, likeness) => {
  let held = 0
  const runs = 400
  for (let seed = 0; seed < runs; seed++) {
    const random = seededRandom(seed)
    let noise = 0
    const samples = Array.from({ length: 60 }, (_, second) => {
      noise = likeness * noise + Math.sqrt(1 - likeness ** 2) * random.normal()
      const requestsPerSecond = 100 + 50 * Math.floor(second / 20)
      return { requestsPerSecond, busy: 0.1 + 0.004 * requestsPerSecond + 0.05 * noise }
    })
    const { low, high } = saturationOf(fitServiceDemand(samples), 1)
    if (low <= 225 && 225 <= high) held++
  }
  expect(held / runs).toBeGreaterThan(0.89)
})

test('a demand that may be none has no upper end of the saturation', () => {
  const noisy = fitServiceDemand(
    samplesOf([
      [10, 0.2],
      [20, 0.9],
      [30, 0.1],
      [40, 0.8],
      [50, 0.3],
    ]),
  )
  expect(saturationOf(noisy, 2).high).toBe(Infinity)
})

test('the interval holds its own middle, and more servers saturate later', () => {
  fc.assert(
    fc.property(fc.integer(), fc.double({ min: 0.1, max: 2, noNaN: true }), (seed, noise) => {
      const random = seededRandom(seed)
      const samples = Array.from({ length: 20 }, (_, i) => ({
        requestsPerSecond: 10 + 10 * i,
        busy: Math.max(0, 0.2 + 0.01 * i + (noise / 10) * random.normal()),
      }))
      const demand = fitServiceDemand(samples)
      const one = saturationOf(demand, 1)
      expect(one.low).toBeLessThanOrEqual(one.requestsPerSecond)
      expect(one.high).toBeGreaterThanOrEqual(one.requestsPerSecond)
      expect(saturationOf(demand, 2).requestsPerSecond).toBeGreaterThanOrEqual(one.requestsPerSecond)
    }),
  )
})

test('refuses too few samples, and samples without a request', () => {
  expect(() =>
    fitServiceDemand(
      samplesOf([
        [1, 1],
        [2, 2],
      ]),
    ),
  ).toThrow(/expected 3 samples or more, got 2/)
  expect(() =>
    fitServiceDemand(
      samplesOf([
        [0, 1],
        [0, 1],
        [0, 1],
      ]),
    ),
  ).toThrow(/expected requests/)
})
