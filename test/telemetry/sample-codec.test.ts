import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { StoredValue } from '../../src/telemetry/sample-codec.ts'
import { decodeSamples, encodeSamples } from '../../src/telemetry/sample-codec.ts'
import { histogramOf } from './frames-for-tests.ts'

const float = fc.float({ noNaN: true, noDefaultInfinity: true })
const value: fc.Arbitrary<StoredValue> = fc.oneof(
  fc.maxSafeInteger().map((each): StoredValue => ({ kind: 'number', value: Math.trunc(each / 8) })),
  float.map((each): StoredValue => ({ kind: 'number', value: each })),
  fc.tuple(float, float).map(([mean, max]): StoredValue => ({ kind: 'level', mean, max })),
  fc
    .array(fc.nat(0x7fff_ffff))
    .map((values): StoredValue => ({ kind: 'histogram', histogram: histogramOf(...values) })),
)

function decoded(bytes: Uint8Array, isWanted?: (series: number) => boolean): Map<number, StoredValue> {
  const samples = new Map<number, StoredValue>()
  decodeSamples(bytes, (series, each) => samples.set(series, each), isWanted)
  return samples
}

describe('samples as bytes', () => {
  test('come back as they were, in order of their series', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.nat(100_000).map(String), value), (given) => {
        const samples = new Map(Object.entries(given).map(([series, each]) => [Number(series) + 1, each]))
        const back = decoded(encodeSamples(samples))
        expect([...back.keys()]).toEqual([...samples.keys()].sort((a, b) => a - b))
        for (const [series, each] of samples) {
          // -0 is a whole number, and comes back as 0.
          expect(back.get(series)).toEqual(each.kind === 'number' && each.value === 0 ? { ...each, value: 0 } : each)
        }
      }),
    )
  })

  test('that nobody wants are passed over', () => {
    const samples = new Map<number, StoredValue>([
      [1, { kind: 'histogram', histogram: histogramOf(1, 2_000, 3_000_000) }],
      [2, { kind: 'level', mean: 0.5, max: 1 }],
      [3, { kind: 'number', value: -7 }],
      [4, { kind: 'number', value: 0.25 }],
      [300, { kind: 'number', value: 12 }],
    ])
    expect([...decoded(encodeSamples(samples), (series) => series === 300)]).toEqual([
      [300, { kind: 'number', value: 12 }],
    ])
  })

  test('take two bytes for a counter that stood still', () => {
    const samples = new Map(
      Array.from({ length: 100 }, (_, at): [number, StoredValue] => [at + 1, { kind: 'number', value: 0 }]),
    )
    expect(encodeSamples(samples).length).toBe(200)
  })

  test('that are cut off are an error, not a value', () => {
    const bytes = encodeSamples(new Map([[1, { kind: 'number', value: 0.5 }]]))
    expect(() => decoded(bytes.subarray(0, 3))).toThrow(RangeError)
  })
})
