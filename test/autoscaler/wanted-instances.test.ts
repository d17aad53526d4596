import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { groupInstances } from '../../src/autoscaler/group-instances.ts'
import type { Measurement } from '../../src/autoscaler/wanted-instances.ts'
import { wantedInstances } from '../../src/autoscaler/wanted-instances.ts'
import type { VectorInstance } from './instances-for-tests.ts'
import { instances, NOW_MS, observedInstance } from './instances-for-tests.ts'
import type { CalculatorVector } from './vectors-replica-calculator.ts'
import { CALCULATOR_VECTORS } from './vectors-replica-calculator.ts'

/** Those of Kubernetes' tests. */
const WARM_UP = { initialisationMs: 120_000, initialReadinessMs: 10_000 }
const TOLERANCE = { out: 0.1, in: 0.1 }

function measurementOf({ kind, target, total, instances: given = [] }: CalculatorVector): Measurement {
  if (kind === 'total') return { kind, target, total }
  const groups = groupInstances(given.map(observedInstance), NOW_MS, kind === 'utilisation' ? WARM_UP : undefined)
  return { kind, target, groups }
}

test.each(CALCULATOR_VECTORS)('decides as Kubernetes does in $source', (vector) => {
  const answer = wantedInstances(measurementOf(vector), vector.current, TOLERANCE)
  if (!answer.isKnown) return expect(vector.wanted).toBeUndefined()
  expect(answer.wanted).toBe(vector.wanted)
  if (vector.value !== undefined) expect(answer.value).toBeCloseTo(vector.value, 9)
})

function average(values: readonly number[], target: number, are: readonly VectorInstance['is'][] = []): Measurement {
  const given = instances(values, are).map(observedInstance)
  return { kind: 'average', target, groups: groupInstances(given, NOW_MS, WARM_UP) }
}

test('tolerance has a side for each way', () => {
  const wanted = (value: number): number => {
    const answer = wantedInstances(average([value, value], 0.6), 2, { out: 0, in: 0.5 })
    return answer.isKnown ? answer.wanted : NaN
  }
  expect([0.61, 0.6, 0.59, 0.3, 0.29].map(wanted)).toEqual([3, 2, 2, 2, 1])
})

test('what is measured of all together does not care how many instances there are', () => {
  const wanted = [1, 2, 5, 40].map((current) =>
    wantedInstances({ kind: 'total', target: 20, total: 130 }, current, TOLERANCE),
  )
  expect(wanted.map((answer) => answer.isKnown && answer.wanted)).toEqual([7, 7, 7, 7])
})

const values = fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { minLength: 1, maxLength: 20 })

test('more load never asks for fewer instances', () => {
  fc.assert(
    fc.property(
      values,
      fc.double({ min: 0.05, max: 5, noNaN: true }),
      fc.double({ min: 1, max: 4, noNaN: true }),
      (given, target, factor) => {
        const count = (by: number): number => {
          const answer = wantedInstances(
            average(
              given.map((value) => value * by),
              target,
            ),
            given.length,
            TOLERANCE,
          )
          return answer.isKnown ? answer.wanted : NaN
        }
        expect(count(factor)).toBeGreaterThanOrEqual(count(1))
      },
    ),
  )
})

test('instances that are not measured or not ready never make a change larger', () => {
  const silent = fc.array(fc.constantFrom<VectorInstance['is']>('ready', 'unready', 'pending'), { maxLength: 8 })
  fc.assert(
    fc.property(values, silent, fc.double({ min: 0.05, max: 5, noNaN: true }), (given, others, target) => {
      const current = given.length + others.length
      const known = wantedInstances(average(given, target), given.length, TOLERANCE)
      const answer = wantedInstances(
        average(given, target, [...given.map(() => 'ready' as const), ...others]),
        current,
        TOLERANCE,
      )
      if (!known.isKnown || !answer.isKnown) throw new Error('expected both to be known')
      if (known.wanted > given.length) expect(answer.wanted - current).toBeLessThanOrEqual(known.wanted - given.length)
    }),
  )
})
