import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Cap, ScalingMemory, ScalingQuestion, ScalingTerms } from '../../src/autoscaler/recommend.ts'
import { NO_MEMORY, recommend } from '../../src/autoscaler/recommend.ts'
import type { ScalingChange, ScalingRules } from '../../src/autoscaler/scaling-rules.ts'
import { inLimit, outLimit, SCALING_BEHAVIOUR } from '../../src/autoscaler/scaling-rules.ts'
import type { Measurement } from '../../src/autoscaler/wanted-instances.ts'
import type { Held, RateVector } from './vectors-horizontal.ts'
import { LEAST_VECTORS, RATE_VECTORS, STABILISATION_VECTORS } from './vectors-horizontal.ts'

const NOW_MS = 10 * 3_600_000
const NO_TOLERANCE = { out: 0, in: 0 }

/** A signal that asks for just so many. */
const asksFor = (count: number): Measurement => ({ kind: 'total', target: 1, total: count })

function terms(changes: Partial<ScalingTerms> = {}): ScalingTerms {
  return { min: 1, max: 1_000, tolerance: NO_TOLERANCE, behaviour: SCALING_BEHAVIOUR, ...changes }
}

function question(current: number, wanted: number, changes: Partial<ScalingQuestion> = {}): ScalingQuestion {
  return { current, measurements: [asksFor(wanted)], terms: terms(), memory: NO_MEMORY, nowMs: NOW_MS, ...changes }
}

/** In the middle of equal parts of the last 120 s. */
function spread(changes: readonly number[], sign: 1 | -1): ScalingChange[] {
  const partMs = 120_000 / changes.length
  return changes.map((by, index) => ({ atMs: NOW_MS - 120_000 + partMs * (index + 0.5), by: sign * by }))
}

function rateQuestion({
  current,
  wanted,
  min,
  max,
  out,
  in: inward,
  added = [],
  removed = [],
}: RateVector): ScalingQuestion {
  const way = (rules: ScalingRules, policies: RateVector['out']): ScalingRules => ({
    ...rules,
    stabilisationMs: 0,
    policies: policies ?? rules.policies,
  })
  const behaviour = { out: way(SCALING_BEHAVIOUR.out, out), in: way(SCALING_BEHAVIOUR.in, inward) }
  const changes = [...spread(added, 1), ...spread(removed, -1)]
  return question(current, wanted, { terms: terms({ min, max, behaviour }), memory: { wanted: [], changes } })
}

const HELD: Readonly<Record<string, Held>> = {
  min: 'min',
  max: 'max',
  'the rate of scaling out': 'rate out',
  'the rate of scaling in': 'rate in',
}

test.each(RATE_VECTORS)('bounds as Kubernetes does in $source', (vector) => {
  const { desired, limit } = recommend(rateQuestion(vector))
  const held = limit === undefined ? 'none' : (HELD[limit.kind] ?? HELD[limit.by])
  expect({ desired, held }).toEqual({ desired: vector.desired, held: vector.held })
})

test.each(LEAST_VECTORS)(
  'takes the least policy as Kubernetes does in $source',
  ({ way, current, policies, limit }) => {
    const rules: ScalingRules = { stabilisationMs: 300_000, select: 'least', policies }
    expect((way === 'out' ? outLimit : inLimit)(current, [], NOW_MS, rules)).toBe(limit)
  },
)

test.each(STABILISATION_VECTORS)(
  'stabilises as Kubernetes does in $source',
  ({ current, wanted, earlier, outSeconds, inSeconds, desired }) => {
    const free = (seconds: number, value: number): ScalingRules => ({
      stabilisationMs: seconds * 1_000,
      select: 'most',
      policies: [{ unit: 'instances', value, periodMs: 15_000 }],
    })
    const behaviour = { out: free(outSeconds, 1_000), in: free(inSeconds, 1_000) }
    const memory: ScalingMemory = {
      wanted: earlier.map(([minutes, count]) => ({ atMs: NOW_MS - minutes * 60_000, wanted: count })),
      changes: [],
    }
    expect(recommend(question(current, wanted, { terms: terms({ behaviour }), memory })).desired).toBe(desired)
  },
)

test.each([
  { source: 'TooFewReplicas', current: 2, min: 3, max: 5, wanted: undefined, desired: 3 },
  { source: 'TooManyReplicas', current: 10, min: 3, max: 5, wanted: undefined, desired: 5 },
  { source: 'ScaleUpRCImmediately', current: 1, min: 2, max: 6, wanted: 0, desired: 2 },
  { source: 'ScaleDownRCImmediately', current: 6, min: 2, max: 5, wanted: 40, desired: 5 },
  { source: 'ZeroReplicas', current: 0, min: 3, max: 5, wanted: undefined, desired: 0 },
  { source: 'EmptyMetrics', current: 4, min: 2, max: 6, wanted: undefined, desired: 4 },
  { source: 'MaxReplicas', current: 3, min: 2, max: 5, wanted: 19, desired: 5 },
  { source: 'MinReplicas', current: 3, min: 2, max: 5, wanted: 1, desired: 2 },
  { source: 'ZeroMinReplicasDesiredZero', current: 3, min: 0, max: 5, wanted: 0, desired: 0 },
  { source: 'MinReplicasDesiredZero', current: 3, min: 2, max: 5, wanted: 0, desired: 2 },
])('keeps to its bounds as Kubernetes does in $source', ({ current, min, max, wanted, desired }) => {
  const measurements: Measurement[] = [{ kind: 'total', target: 1, total: wanted }]
  expect(recommend(question(current, 0, { terms: terms({ min, max }), measurements })).desired).toBe(desired)
})

test.each([
  { source: 'ScaleUpOneMetricEmpty', current: 3, known: 4, desired: 4 },
  { source: 'NoScaleDownOneMetricEmpty', current: 5, known: 3, desired: 5 },
  { source: 'NoScaleDownOneMetricInvalid', current: 5, known: 4, desired: 5 },
])('does with a signal that says nothing as Kubernetes does in $source', ({ current, known, desired }) => {
  const measurements: Measurement[] = [{ kind: 'total', target: 1, total: undefined }, asksFor(known)]
  expect(recommend(question(current, 0, { measurements, terms: terms({ min: 2, max: 6 }) })).desired).toBe(desired)
})

test('the signal that asks for the most decides', () => {
  expect(recommend(question(3, 0, { measurements: [asksFor(2), asksFor(6), asksFor(4)] })).desired).toBe(6)
})

test('says what was wanted, what it became and what held it', () => {
  const caps: Cap[] = [
    { most: 4, by: 'cores' },
    { most: 6, by: 'connections to orders' },
  ]
  expect(recommend(question(3, 9, { caps })).reason).toBe('wanted 9, capped at 4 by cores')
  expect(recommend(question(3, 9, { terms: terms({ max: 5 }) })).reason).toBe('wanted 9, capped at 5 by instances.max')
  expect(recommend(question(3, 9)).reason).toBe('wanted 9, capped at 7 by the rate of scaling out')
  expect(recommend(question(3, 5)).reason).toBe('wanted 5')
  const memory = { wanted: [{ atMs: NOW_MS - 60_000, wanted: 6 }], changes: [] }
  expect(recommend(question(8, 2, { memory })).reason).toBe('wanted 2, held at 6 by what was wanted in the last 5m')
  expect(recommend(question(8, 0, { measurements: [{ kind: 'total', target: 1, total: undefined }] })).reason).toBe(
    'stays at 8: nothing was measured',
  )
})

test('a cap bounds growth, and takes nothing away that runs', () => {
  expect(recommend(question(6, 9, { caps: [{ most: 2, by: 'cores' }] })).desired).toBe(6)
  expect(recommend(question(6, 6, { caps: [{ most: 2, by: 'cores' }] })).desired).toBe(6)
})

const loads = fc.array(fc.nat({ max: 60 }), { minLength: 1, maxLength: 120 })

test('whatever the load does, the count keeps to its bounds and rates, and no decision forgets its reason', () => {
  fc.assert(
    fc.property(loads, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 5, max: 40 }), (asked, min, max) => {
      let [memory, current, nowMs] = [NO_MEMORY, min, 0]
      for (const wanted of asked) {
        const {
          desired,
          memory: next,
          reason,
        } = recommend(question(current, wanted, { memory, nowMs, terms: terms({ min, max }) }))
        expect(desired).toBeGreaterThanOrEqual(min)
        expect(desired).toBeLessThanOrEqual(max)
        expect(desired).toBeLessThanOrEqual(Math.max(2 * current, current + 4))
        expect(reason).not.toBe('')
        // Twenty looks in five minutes, and two changes in 15 s.
        expect(next.wanted.length).toBeLessThanOrEqual(21)
        expect(next.changes.length).toBeLessThanOrEqual(2)
        ;[memory, current, nowMs] = [next, desired, nowMs + 15_000]
      }
    }),
  )
})

test('under a steady load it arrives, and stays', () => {
  fc.assert(
    fc.property(loads, fc.integer({ min: 1, max: 40 }), (asked, steady) => {
      let [memory, current, nowMs] = [NO_MEMORY, 1, 0]
      const path: number[] = []
      for (const wanted of [...asked, ...Array.from({ length: 40 }, () => steady)]) {
        const answer = recommend(question(current, wanted, { memory, nowMs, terms: terms({ max: 60 }) }))
        ;[memory, current, nowMs] = [answer.memory, answer.desired, nowMs + 15_000]
        path.push(current)
      }
      // Five minutes of the window, and a few for the way out.
      expect(new Set(path.slice(-15))).toEqual(new Set([steady]))
    }),
  )
})

test('does not shrink within the window after a peak, whatever happens in between', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 10 }), { minLength: 19, maxLength: 19 }), (asked) => {
      let { memory, desired } = recommend(question(10, 10, { nowMs: 0 }))
      for (const [index, wanted] of asked.entries()) {
        ;({ memory, desired } = recommend(question(desired, wanted, { memory, nowMs: (index + 1) * 15_000 })))
        expect(desired).toBe(10)
      }
    }),
  )
})
