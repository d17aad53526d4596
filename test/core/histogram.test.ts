import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Histogram } from '../../src/core/histogram.ts'
import {
  createHistogram,
  deserialiseHistogram,
  HISTOGRAM_BYTES,
  HISTOGRAM_VALUE_MAX,
} from '../../src/core/histogram.ts'

/** Small values, every octave, and the edges of buckets, where mistakes live. */
const value = fc.oneof(
  fc.nat({ max: 300 }),
  fc.integer({ min: 0, max: HISTOGRAM_VALUE_MAX }),
  fc.tuple(fc.integer({ min: 0, max: 31 }), fc.integer({ min: -2, max: 2 })).map(([bit, off]) => {
    return Math.min(HISTOGRAM_VALUE_MAX, Math.max(0, 2 ** bit + off))
  }),
)
const values = fc.array(value, { maxLength: 200 })
const someValues = fc.array(value, { minLength: 1, maxLength: 200 })

function histogramOf(recorded: readonly number[]): Histogram {
  const histogram = createHistogram()
  for (const one of recorded) histogram.record(one)
  return histogram
}

function merged(...parts: readonly Histogram[]): Histogram {
  const all = createHistogram()
  for (const part of parts) all.merge(part)
  return all
}

describe('a histogram', () => {
  it('is never below the exact percentile and at most 1/128 above it', () => {
    fc.assert(
      fc.property(someValues, fc.double({ min: 0, max: 100, noNaN: true }), (recorded, percent) => {
        const sorted = recorded.toSorted((a, b) => a - b)
        const rank = Math.max(1, Math.ceil((percent * sorted.length) / 100 - 1e-6))
        const exact = sorted[rank - 1]!
        const estimate = histogramOf(recorded).percentile(percent)
        expect(estimate).toBeGreaterThanOrEqual(exact)
        expect(estimate - exact).toBeLessThanOrEqual(exact / 128)
      }),
    )
  })

  it('is exact below 256', () => {
    for (let one = 0; one < 256; one++) expect(histogramOf([one, 100_000]).percentile(50)).toBe(one)
  })

  it('knows count, sum, mean and maximum exactly', () => {
    fc.assert(
      fc.property(someValues, (recorded) => {
        const histogram = histogramOf(recorded)
        const sum = recorded.reduce((a, b) => a + b, 0)
        expect(histogram.count).toBe(recorded.length)
        expect(histogram.sum).toBe(sum)
        expect(histogram.mean).toBe(sum / recorded.length)
        expect(histogram.max).toBe(Math.max(...recorded))
        expect(histogram.percentile(100)).toBe(histogram.max)
      }),
    )
  })

  it('merges as if everything had been recorded in one, in any order and grouping', () => {
    fc.assert(
      fc.property(values, values, values, (a, b, c) => {
        const [x, y, z] = [histogramOf(a), histogramOf(b), histogramOf(c)]
        const whole = histogramOf([...a, ...b, ...c]).serialise()
        expect(merged(merged(x, y), z).serialise()).toEqual(whole)
        expect(merged(x, merged(y, z)).serialise()).toEqual(whole)
        expect(merged(z, y, x).serialise()).toEqual(whole)
      }),
    )
  })

  it('comes back from its serialised form, also through JSON', () => {
    fc.assert(
      fc.property(values, (recorded) => {
        const text = JSON.stringify(histogramOf(recorded).serialise())
        const back = deserialiseHistogram(JSON.parse(text))
        expect(JSON.stringify(back.serialise())).toBe(text)
        expect(back.count).toBe(recorded.length)
      }),
    )
  })

  it('counts what is above a bound, up to the bucket that the bound lies in', () => {
    fc.assert(
      fc.property(values, value, (recorded, bound) => {
        const above = histogramOf(recorded).countAbove(bound)
        const surely = recorded.filter((one) => one > bound + bound / 128).length
        const possibly = recorded.filter((one) => one > bound).length
        expect(above).toBeGreaterThanOrEqual(surely)
        expect(above).toBeLessThanOrEqual(possibly)
      }),
    )
  })

  it('counts values beyond its range as its largest', () => {
    const histogram = histogramOf([HISTOGRAM_VALUE_MAX + 1, 1e15])
    expect(histogram.max).toBe(HISTOGRAM_VALUE_MAX)
    expect(histogram.percentile(50)).toBe(HISTOGRAM_VALUE_MAX)
    expect(histogram.count).toBe(2)
  })

  it('is all zero when empty, and again after a reset', () => {
    const histogram = histogramOf([1, 70_000])
    histogram.reset()
    for (const empty of [createHistogram(), histogram]) {
      expect([empty.count, empty.sum, empty.mean, empty.max, empty.percentile(99), empty.countAbove(0)]).toEqual([
        0, 0, 0, 0, 0, 0,
      ])
    }
  })

  it('takes the thousandth of a thousand values for 99.9 + 0.1 %, not one too late', () => {
    const histogram = histogramOf(Array.from({ length: 1000 }, (_, i) => (i < 999 ? 10 : 200)))
    expect(histogram.percentile(99.9)).toBe(10)
    expect(histogram.percentile(99.91)).toBe(200)
  })

  it('is shared through its buffer', () => {
    const buffer = new SharedArrayBuffer(HISTOGRAM_BYTES)
    const writer = createHistogram(buffer)
    const reader = createHistogram(buffer)
    writer.record(1234)
    expect(reader.serialise()).toEqual(writer.serialise())
    expect(reader.count).toBe(1)
  })

  it('saturates a full counter instead of wrapping round', () => {
    const full = deserialiseHistogram({ buckets: [[7, 0xffff_ffff]], sum: 7 * 0xffff_ffff, max: 7 })
    full.record(7)
    full.merge(histogramOf([7]))
    expect(full.serialise().buckets).toEqual([[7, 0xffff_ffff]])
  })

  it.each([
    { buckets: [[-1, 1]], sum: 1, max: 1 },
    { buckets: [[99_999, 1]], sum: 1, max: 1 },
    { buckets: [[1, 1.5]], sum: 1, max: 1 },
    { buckets: [[1, -1]], sum: 1, max: 1 },
    { buckets: [[1, 1]], sum: Number.NaN, max: 1 },
  ] as const)('refuses %j, which it would never have written', (serialised) => {
    const histogram = histogramOf([5])
    expect(() => histogram.merge(serialised)).toThrow(expect.objectContaining({ code: 'TF_HISTOGRAM_INVALID' }))
    expect(histogram.count).toBe(1)
  })
})
