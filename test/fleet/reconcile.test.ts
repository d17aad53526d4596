import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { InstancePhase, ObservedInstance, ReconcilePolicy } from '../../src/fleet/reconcile.ts'
import { balanced, nextDueMs, reconcile } from '../../src/fleet/reconcile.ts'

const policy: ReconcilePolicy = { surge: 1, startTimeoutMs: 1_000, unhealthyAfterProbes: 3, restartAfterProbes: 10 }
const ready: InstancePhase = { kind: 'ready', sinceMs: 0, failedProbes: 0 }

function instance(number: number, phase: InstancePhase, isLeaving = false): ObservedInstance {
  return { id: `api-${number}`, phase, isLeaving }
}

function failing(failedProbes: number): InstancePhase {
  return { kind: 'ready', sinceMs: 0, failedProbes }
}

function decide(instances: readonly ObservedInstance[], desired: number, nowMs = 0): readonly string[] {
  return reconcile('api', instances, desired, nowMs, policy).map(({ kind, id }) => `${kind} ${id}`)
}

describe('reconcile', () => {
  test('starts what is missing under the lowest free numbers', () => {
    expect(decide([instance(2, ready)], 3)).toEqual(['start api-1', 'start api-3'])
  })

  test('starts under the preferred ids first, once each', () => {
    const preferred = { ...policy, preferredIds: ['api-7', 'api-2'] }
    const ids = reconcile('api', [], 3, 0, preferred).map(({ id }) => id)
    expect(ids).toEqual(['api-7', 'api-2', 'api-1'])
  })

  test('asks for nothing when all that is desired runs', () => {
    expect(decide([instance(1, ready), instance(2, { kind: 'starting', sinceMs: 0 })], 2)).toEqual([])
  })

  test('removes first what serves least', () => {
    const waiting = instance(1, { kind: 'waiting', untilMs: 99, isCrashLoop: false })
    const starting = instance(2, { kind: 'starting', sinceMs: 0 })
    const sick = instance(3, failing(1))
    const all = [waiting, starting, sick, instance(4, ready), instance(5, ready)]
    expect(decide(all, 4)).toEqual(['remove api-1'])
    expect(decide(all, 3)).toEqual(['remove api-2', 'remove api-1'])
    expect(decide(all, 2)).toEqual(['remove api-3', 'remove api-2', 'remove api-1'])
    expect(decide(all, 1)).toContain('remove api-5')
  })

  test('starts a failed one again when its pause is over, not before', () => {
    const waiting = instance(1, { kind: 'waiting', untilMs: 500, isCrashLoop: false })
    expect(decide([waiting], 1, 499)).toEqual([])
    expect(decide([waiting], 1, 500)).toEqual(['start api-1'])
    expect(nextDueMs([waiting], 0, policy)).toBe(500)
  })

  test('restarts what does not become ready in time', () => {
    const starting = instance(1, { kind: 'starting', sinceMs: 100 })
    expect(decide([starting], 1, 1_099)).toEqual([])
    expect(decide([starting], 1, 1_100)).toEqual(['restart api-1'])
    expect(nextDueMs([starting], 1_100, policy)).toBe(1_100)
  })

  test.each([1_000, 94.19909956354111, 3163.295480338113])(
    'a start at %d that takes too long is over at the very moment that it is due, whatever fractions make of it',
    (sinceMs) => {
      const starting: ObservedInstance = { id: 'api-1', phase: { kind: 'starting', sinceMs }, isLeaving: false }
      const dueMs = nextDueMs([starting], sinceMs + 1_000, policy)
      expect(reconcile('api', [starting], 1, dueMs, policy)).toMatchObject([{ kind: 'restart', id: 'api-1' }])
    },
  )

  test('restarts failing instances one at a time, the worst first', () => {
    const all = [instance(1, failing(10)), instance(2, failing(12)), instance(3, ready)]
    expect(decide(all, 3)).toEqual(['restart api-2'])
    expect(decide([all[0]!, instance(2, { kind: 'stopping' }), all[2]!], 3)).toEqual([])
  })

  test('gives a reason with every action', () => {
    expect(reconcile('api', [], 1, 0, policy)[0]?.reason).toBe('0 instances, 1 desired')
  })

  describe('where starts take turns', () => {
    const turns: ReconcilePolicy = { ...policy, startTimeoutMs: 5_000, startsAtOnce: 2 }
    const starting = (number: number, sinceMs: number): ObservedInstance =>
      instance(number, { kind: 'starting', sinceMs })
    const started = (instances: readonly ObservedInstance[], nowMs: number): readonly string[] =>
      reconcile('api', instances, 6, nowMs, turns).map(({ id }) => id)

    test('starts so many', () => {
      expect(started([instance(1, ready)], 0)).toEqual(['api-2', 'api-3'])
    })

    test('starts the next when one is ready, or has had a second', () => {
      const both = [instance(1, ready), starting(2, 0), starting(3, 400)]
      expect(started(both, 999)).toEqual([])
      expect(nextDueMs(both, 999, turns)).toBe(1_000)
      expect(started(both, 1_000)).toEqual(['api-4'])
      expect(nextDueMs(both, 1_000, turns)).toBe(1_400)
      expect(started([instance(1, ready), instance(2, ready), starting(3, 400)], 999)).toEqual(['api-4'])
    })

    test('still ends a start in time', () => {
      expect(nextDueMs([starting(1, 0)], 2_000, turns)).toBe(5_000)
      expect(nextDueMs([starting(1, 0)], 0, { ...turns, startTimeoutMs: 300 })).toBe(300)
    })
  })

  test('never asks for more processes than desired and the surge', () => {
    fc.assert(
      fc.property(instancesArbitrary(), fc.nat(12), fc.nat(2_000), (instances, desired, nowMs) => {
        const actions = reconcile('api', instances, desired, nowMs, policy)
        const starts = actions.filter(({ kind }) => kind === 'start').length
        const running = instances.filter(({ phase }) => phase.kind !== 'waiting').length
        return starts === 0 || running + starts <= desired + policy.surge
      }),
    )
  })

  test('never removes more than is too much, and never asks for two things of one instance', () => {
    fc.assert(
      fc.property(instancesArbitrary(), fc.nat(12), fc.nat(2_000), (instances, desired, nowMs) => {
        const actions = reconcile('api', instances, desired, nowMs, policy)
        const removed = new Set(actions.filter(({ kind }) => kind === 'remove').map(({ id }) => id))
        const staying = instances.filter(({ isLeaving }) => !isLeaving).length
        expect(removed.size).toBe(Math.max(0, staying - desired))
        expect(new Set(actions.map(({ id }) => id)).size).toBe(actions.length)
        const started = actions.filter(({ kind }) => kind === 'start').map(({ id }) => id)
        for (const id of started) {
          const existing = instances.find((candidate) => candidate.id === id)
          expect(existing === undefined || existing.phase.kind === 'waiting').toBe(true)
        }
      }),
    )
  })

  test('converges to the desired number of ready instances from anywhere, and then asks for nothing', () => {
    fc.assert(
      fc.property(instancesArbitrary(), fc.nat(12), (initial, desired) => {
        let instances = initial
        let nowMs = 0
        for (let round = 0; round < 100; round++) {
          const actions = reconcile('api', instances, desired, nowMs, policy)
          instances = settle(instances, actions)
          nowMs += 500
        }
        expect(instances.filter(({ phase }) => phase.kind === 'ready')).toHaveLength(desired)
        expect(instances).toHaveLength(desired)
        expect(reconcile('api', instances, desired, nowMs, policy)).toEqual([])
      }),
    )
  })
})

describe('balanced', () => {
  test('lists what is ready and stays', () => {
    const all = [instance(1, ready), instance(2, ready, true), instance(3, { kind: 'starting', sinceMs: 0 })]
    expect(balanced(all, 2, policy)).toEqual(['api-1'])
  })

  test('leaves out an instance whose health checks fail', () => {
    expect(balanced([instance(1, failing(2)), instance(2, ready)], 2, policy)).toEqual(['api-1', 'api-2'])
    expect(balanced([instance(1, failing(3)), instance(2, ready)], 2, policy)).toEqual(['api-2'])
  })

  test('keeps them all when most fail: then it is load, and the rest would go under next', () => {
    expect(balanced([instance(1, failing(3)), instance(2, failing(3)), instance(3, ready)], 3, policy)).toHaveLength(3)
    expect(balanced([instance(1, failing(9))], 1, policy)).toEqual(['api-1'])
  })
})

/** What the world makes of the actions until the next look, when nothing fails. */
function settle(
  instances: readonly ObservedInstance[],
  actions: ReturnType<typeof reconcile>,
): readonly ObservedInstance[] {
  const next = new Map<string, ObservedInstance>()
  for (const observed of instances) {
    const { phase, isLeaving } = observed
    if (isLeaving) continue
    if (phase.kind === 'starting' || phase.kind === 'ready') next.set(observed.id, { ...observed, phase: ready })
    else if (phase.kind === 'waiting') next.set(observed.id, observed)
    else next.set(observed.id, { ...observed, phase: { kind: 'waiting', untilMs: 0, isCrashLoop: false } })
  }
  for (const { kind, id } of actions) {
    if (kind === 'remove') next.delete(id)
    else if (kind === 'start') next.set(id, { id, phase: { kind: 'starting', sinceMs: 0 }, isLeaving: false })
    else next.set(id, { id, phase: { kind: 'stopping' }, isLeaving: false })
  }
  return [...next.values()].map((observed) =>
    observed.phase.kind === 'starting' ? { ...observed, phase: ready } : observed,
  )
}

function instancesArbitrary(): fc.Arbitrary<readonly ObservedInstance[]> {
  const phase: fc.Arbitrary<InstancePhase> = fc.oneof(
    fc.record({ kind: fc.constant('waiting' as const), untilMs: fc.nat(2_000), isCrashLoop: fc.boolean() }),
    fc.record({ kind: fc.constant('starting' as const), sinceMs: fc.nat(500) }),
    fc.record({ kind: fc.constant('ready' as const), sinceMs: fc.constant(0), failedProbes: fc.nat(12) }),
    fc.record({ kind: fc.constant('draining' as const) }),
    fc.record({ kind: fc.constant('stopping' as const) }),
  )
  return fc
    .uniqueArray(fc.record({ number: fc.integer({ min: 1, max: 15 }), phase, isLeaving: fc.boolean() }), {
      selector: ({ number }) => number,
      maxLength: 12,
    })
    .map((rows) =>
      rows.map(({ number, phase, isLeaving }) => {
        // Who leaves for good is on its way out.
        const isOut = isLeaving && (phase.kind === 'draining' || phase.kind === 'stopping')
        return instance(number, phase, isOut)
      }),
    )
}
