import { describe, expect, it } from 'vitest'
import { createArrivalProcess } from '../../src/load/arrival.ts'
import type { ArrivalPlan } from '../../src/load/arrival.ts'
import { createArrivalShare } from '../../src/load/arrival-share.ts'
import { constantArrivals } from '../../src/load/arrivals/constant.ts'
import { dayArrivals } from '../../src/load/arrivals/day.ts'
import { poissonArrivals } from '../../src/load/arrivals/poisson.ts'
import { rampArrivals } from '../../src/load/arrivals/ramp.ts'
import { spikeArrivals } from '../../src/load/arrivals/spike.ts'
import { traceArrivals } from '../../src/load/arrivals/trace.ts'
import { expectedArrivals, middleOfPeakMs, rateAt, rateCurve, withWarmup } from '../../src/load/rate-curve.ts'

const options = { peakPerSecond: 500, durationMs: 60_000 }

function arrivalsOf(plan: ArrivalPlan, seed = 7, chunk = 4_096): number[] {
  const { fill } = createArrivalProcess(plan, seed)
  const times = new Float64Array(chunk)
  const all: number[] = []
  for (let count = fill(times); count > 0; count = fill(times)) all.push(...times.subarray(0, count))
  return all
}

/** Variance over mean of the counts per window: 1 for Poisson, 0 for even arrivals. */
function dispersion(times: readonly number[], durationMs: number, windowMs: number): number {
  const counts = new Float64Array(Math.floor(durationMs / windowMs))
  for (const time of times) {
    const window = Math.floor(time / windowMs)
    if (window < counts.length) counts[window] = (counts[window] as number) + 1
  }
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
  return counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / (counts.length - 1) / mean
}

const shapes: Record<string, ArrivalPlan> = {
  constant: constantArrivals(options),
  poisson: poissonArrivals(options),
  ramp: rampArrivals(options, { from: 0.1, to: 1 }),
  'falling ramp': rampArrivals(options, { from: 1, to: 0 }),
  spike: spikeArrivals(options),
  day: dayArrivals(options),
  trace: traceArrivals(options, [3, 0, 10, 5, 1]),
}

describe('every shape of arrivals', () => {
  for (const [name, plan] of Object.entries(shapes)) {
    it(`${name}: brings as many as its rate promises, within four standard deviations`, () => {
      const expected = expectedArrivals(plan.curve)
      const tolerance = plan.spacing === 'even' ? 1 : 4 * Math.sqrt(expected)
      expect(Math.abs(arrivalsOf(plan).length - expected)).toBeLessThanOrEqual(tolerance)
    })

    it(`${name}: follows its rate second by second`, () => {
      const times = arrivalsOf(plan)
      for (let second = 0; second < 60; second += 3) {
        const got = times.filter((time) => time >= second * 1_000 && time < (second + 3) * 1_000).length
        let expected = 0
        for (let ms = second * 1_000 + 5; ms < (second + 3) * 1_000; ms += 10) expected += rateAt(plan.curve, ms) / 100
        expect(Math.abs(got - expected)).toBeLessThanOrEqual(4.5 * Math.sqrt(expected) + 4)
      }
    })

    it(`${name}: ascends and stays within the duration`, () => {
      const times = arrivalsOf(plan)
      expect(times.every((time, index) => index === 0 || time >= (times[index - 1] as number))).toBe(true)
      expect(times[0]).toBeGreaterThanOrEqual(0)
      expect(times.at(-1)).toBeLessThanOrEqual(options.durationMs)
    })

    it(`${name}: gives the same times for the same seed, whatever the size of the chunks`, () => {
      expect(arrivalsOf(plan, 3, 7)).toEqual(arrivalsOf(plan, 3, 1_000))
    })
  }
})

describe('Poisson arrivals', () => {
  it('scatter as independent users do: the index of dispersion is 1', () => {
    for (const seed of [1, 2, 3]) {
      const times = arrivalsOf(shapes['poisson'] as ArrivalPlan, seed)
      // 600 windows: the standard error of the index is sqrt(2 / 599).
      expect(Math.abs(dispersion(times, options.durationMs, 100) - 1)).toBeLessThan(4 * Math.sqrt(2 / 599))
    }
  })

  it('differ between seeds', () => {
    const plan = shapes['poisson'] as ArrivalPlan
    expect(arrivalsOf(plan, 1)).not.toEqual(arrivalsOf(plan, 2))
  })
})

describe('constant arrivals', () => {
  it('do not scatter: the index of dispersion is 0', () => {
    expect(dispersion(arrivalsOf(shapes['constant'] as ArrivalPlan), options.durationMs, 100)).toBeLessThan(1e-9)
  })

  it('stand in the middle of their shares of the time', () => {
    const times = arrivalsOf(constantArrivals({ peakPerSecond: 10, durationMs: 1_000 }))
    expect(times.map(Math.round)).toEqual([50, 150, 250, 350, 450, 550, 650, 750, 850, 950])
  })
})

describe('arrivals of several workers', () => {
  const plan = shapes['day'] as ArrivalPlan

  function share(worker: number, workers: number): [index: number, timeMs: number][] {
    const arrivals = createArrivalShare(createArrivalProcess(plan, 7), worker, workers)
    const taken: [number, number][] = []
    while (arrivals.nextMs !== Number.POSITIVE_INFINITY) {
      const timeMs = arrivals.nextMs
      taken.push([arrivals.take(), timeMs])
    }
    return taken
  }

  it('add up to the whole, whatever their number', () => {
    const all = arrivalsOf(plan)
    for (const workers of [1, 3, 8]) {
      const together = Array.from({ length: workers }, (_, worker) => share(worker, workers)).flat()
      expect(together.sort(([a], [b]) => a - b)).toEqual(all.map((timeMs, index) => [index, timeMs]))
    }
  })
})

describe('the middle of the peak', () => {
  it('is the middle of the time at the highest rate', () => {
    const curve = rateCurve([
      [0, 1],
      [1_000, 9],
      [3_000, 9],
      [4_000, 2],
    ])
    expect(middleOfPeakMs(curve)).toBe(2_000)
    expect(middleOfPeakMs(dayArrivals({ peakPerSecond: 5, durationMs: 24_000 }, {}).curve)).toBeCloseTo(17_500)
  })
})

describe('a warm-up', () => {
  it('comes before zero, at the rate the shape starts with', () => {
    const plan = { spacing: 'even', curve: withWarmup(spikeArrivals(options).curve, 2_000) } as const
    const before = arrivalsOf(plan).filter((time) => time < 0)
    expect(before).toHaveLength(100)
    expect(before[0]).toBeGreaterThanOrEqual(-2_000)
  })

  it('leaves the curve as it is when it takes no time', () => {
    const { curve } = poissonArrivals(options)
    expect(withWarmup(curve, 0)).toBe(curve)
  })
})

describe('the day', () => {
  it('has its peak at half past five and is quietest before dawn', () => {
    const { curve } = dayArrivals({ peakPerSecond: 100, durationMs: 24_000 }, { night: 0.1 })
    expect(rateAt(curve, 17_500)).toBeCloseTo(100)
    expect(rateAt(curve, 4_000)).toBeCloseTo(10)
  })
})
