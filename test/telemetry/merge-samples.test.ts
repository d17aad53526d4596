import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deserialiseHistogram } from '../../src/core/histogram.ts'
import { addHistograms, addValues, rollUp } from '../../src/telemetry/merge-samples.ts'
import type { StoredValue } from '../../src/telemetry/sample-codec.ts'
import { histogramOf } from './frames-for-tests.ts'

const values = fc.array(fc.nat(5_000_000), { maxLength: 50 })

describe('distributions', () => {
  test('are added as histograms are merged', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const merged = deserialiseHistogram(histogramOf(...a))
        merged.merge(histogramOf(...b))
        expect(addHistograms(histogramOf(...a), histogramOf(...b))).toEqual(merged.serialise())
      }),
    )
  })
})

describe('two reports of one second', () => {
  const number = (value: number): StoredValue => ({ kind: 'number', value })

  test('are a sum of counters, and the later of gauges', () => {
    expect(addValues('counter', number(2), number(3))).toEqual(number(5))
    expect(addValues('gauge', number(2), number(3))).toEqual(number(3))
    expect(addValues('counter', undefined, number(3))).toEqual(number(3))
  })
})

describe('a longer step', () => {
  test('is the same whether seconds become minutes at once or by way of ten seconds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ count: fc.nat(1_000), latencies: values }), { minLength: 6, maxLength: 6 }),
        (seconds) => {
          const kindOf = (series: number) => (series === 1 ? ('counter' as const) : ('histogram' as const))
          const steps = seconds.map(
            ({ count, latencies }) =>
              new Map<number, StoredValue>([
                [1, { kind: 'number', value: count }],
                [2, { kind: 'histogram', histogram: histogramOf(...latencies) }],
              ]),
          )
          const halves = [steps.slice(0, 3), steps.slice(3)].map((half) => rollUp(half, kindOf))
          expect(rollUp(halves, kindOf)).toEqual(rollUp(steps, kindOf))
        },
      ),
    )
  })

  test('keeps the highest of a gauge beside its mean', () => {
    const steps = [1, 5, 3].map((value) => new Map<number, StoredValue>([[1, { kind: 'number', value }]]))
    expect(rollUp(steps, () => 'gauge').get(1)).toEqual({ kind: 'level', mean: 3, max: 5 })
  })
})
