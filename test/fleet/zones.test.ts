import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ObservedInstance } from '../../src/fleet/reconcile.ts'
import { reconcile } from '../../src/fleet/reconcile.ts'
import { nextId, zoneOf } from '../../src/fleet/zones.ts'

const ready = (id: string): ObservedInstance => ({
  id,
  phase: { kind: 'ready', sinceMs: 0, failedProbes: 0 },
  isLeaving: false,
})
const policy = { surge: 100, startTimeoutMs: 1_000, unhealthyAfterProbes: 3, restartAfterProbes: 10 }

/** The instances when everything that is asked for has been done. */
function settled(instances: readonly string[], desired: number, zones: readonly string[]): readonly string[] {
  let now = [...instances]
  for (;;) {
    const actions = reconcile('api', now.map(ready), desired, 0, { ...policy, zones })
    if (actions.length === 0) return now
    for (const { kind, id } of actions) now = kind === 'start' ? [...now, id] : now.filter((each) => each !== id)
  }
}

function countsOf(ids: readonly string[], zones: readonly string[]): readonly number[] {
  return zones.map((zone) => ids.filter((id) => zoneOf(id, zones) === zone).length)
}

test('instances are spread over zones as evenly as can be, however they are scaled', () => {
  const scalings = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 8 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), scalings, (zoneCount, all) => {
      const zones = ['a', 'b', 'c', 'd'].slice(0, zoneCount)
      let ids: readonly string[] = []
      for (const desired of all) {
        ids = settled(ids, desired, zones)
        const counts = countsOf(ids, zones)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
        expect(ids).toHaveLength(desired)
      }
    }),
  )
})

test('one that comes is of the zone that has the fewest', () => {
  expect(nextId('api', new Set(['api-1', 'api-3']), ['api-1', 'api-3'], ['a', 'b'])).toBe('api-2')
  expect(nextId('api', new Set(['api-1', 'api-2', 'api-3']), ['api-1', 'api-3'], ['a', 'b'])).toBe('api-4')
  expect(nextId('api', new Set(['api-1']), ['api-1'])).toBe('api-2')
})

test('one that leaves is of the zone that has the most, unless another serves less', () => {
  const zones = ['a', 'b']
  const remove = (instances: readonly ObservedInstance[], desired: number): readonly string[] =>
    reconcile('api', instances, desired, 0, { ...policy, zones }).map(({ kind, id }) => `${kind} ${id}`)
  const three = [ready('api-1'), ready('api-3'), ready('api-4')]
  expect(remove(three, 2)).toEqual(['remove api-3'])
  const starting: ObservedInstance = { ...ready('api-4'), phase: { kind: 'starting', sinceMs: 0 } }
  expect(remove([ready('api-1'), ready('api-3'), starting], 2)).toEqual(['remove api-4'])
})

test('the zone follows from the id, and there is none without zones', () => {
  expect(['api-1', 'api-2', 'api-3', 'price-list-10'].map((id) => zoneOf(id, ['a', 'b']))).toEqual(['a', 'b', 'a', 'b'])
  expect(zoneOf('api-1', [])).toBeUndefined()
})
