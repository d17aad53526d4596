import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../../src/core/random.ts'
import { createRingHash } from '../../../../src/gateway/balancing/balancers/ring-hash.ts'
import { hash32 } from '../../../../src/gateway/balancing/hash32.ts'
import type { Instance } from './instance-for-tests.ts'
import { instance } from './instance-for-tests.ts'

const KEYS = Array.from({ length: 300 }, (_, i) => hash32(`user ${i}`))
const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}-[0-9]$/), { minLength: 2, maxLength: 10 })

/** Who gets each key while nothing is under way. */
function ownersOf(instances: readonly Instance[]): readonly string[] {
  const balancer = createRingHash(seededRandom(1))
  return KEYS.map((key) => balancer.pick(instances, 0, undefined, key)!.id)
}

describe('the ring', () => {
  it('leads a key to the same instance always, in whatever order they are listed', () => {
    fc.assert(
      fc.property(names, (ids) => {
        const instances = ids.map((id) => instance({ id }))
        expect(ownersOf(instances.toReversed())).toEqual(ownersOf(instances))
      }),
      { numRuns: 30 },
    )
  })

  it('moves only the keys of an instance that leaves, and none between those that stay', () => {
    fc.assert(
      fc.property(names, fc.nat(), (ids, which) => {
        const leaving = ids[which % ids.length]!
        const before = ownersOf(ids.map((id) => instance({ id })))
        const after = ownersOf(ids.filter((id) => id !== leaving).map((id) => instance({ id })))
        for (const [i, owner] of before.entries()) if (owner !== leaving) expect(after[i]).toBe(owner)
      }),
      { numRuns: 50 },
    )
  })

  it('moves keys only to an instance that comes, whatever its weight', () => {
    fc.assert(
      fc.property(names, fc.double({ min: 0.1, max: 5, noNaN: true }), (ids, weight) => {
        const [coming, ...others] = ids as [string, ...string[]]
        const before = ownersOf(others.map((id) => instance({ id })))
        const after = ownersOf([instance({ id: coming, weight }), ...others.map((id) => instance({ id }))])
        for (const [i, owner] of after.entries()) if (owner !== coming) expect(before[i]).toBe(owner)
      }),
      { numRuns: 50 },
    )
  })

  it('gives keys by weight', () => {
    const both = [instance({ id: 'light', weight: 1 }), instance({ id: 'heavy', weight: 3 })]
    const [light, heavy] = both as [Instance, Instance]
    const balancer = createRingHash(seededRandom(1))
    for (let i = 0; i < 10_000; i++) balancer.pick(both, 0, undefined, hash32(`k${i}`))!.picks += 1
    expect(heavy.picks / light.picks).toBeGreaterThan(2)
    expect(heavy.picks / light.picks).toBeLessThan(4)
  })
})

describe('the bound on load', () => {
  it('keeps every instance within 1.25 times its share of what is under way, though all ask for one key', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 400 }), (count, requests) => {
        const balancer = createRingHash(seededRandom(1))
        const instances = Array.from({ length: count }, () => instance())
        for (let i = 0; i < requests; i++) balancer.pick(instances, 0, undefined, KEYS[0])!.inFlight += 1
        const bound = Math.max(8, Math.ceil((1.25 * requests) / count))
        for (const { inFlight } of instances) expect(inFlight).toBeLessThanOrEqual(bound)
      }),
      { numRuns: 100 },
    )
  })

  it('lets a few requests of one user stay together', () => {
    const balancer = createRingHash(seededRandom(1))
    const instances = Array.from({ length: 4 }, () => instance())
    for (let i = 0; i < 8; i++) balancer.pick(instances, 0, undefined, KEYS[0])!.inFlight += 1
    expect(instances.filter(({ inFlight }) => inFlight > 0)).toHaveLength(1)
  })

  it('hands the keys of a full instance to others, and back to it', () => {
    const instances = Array.from({ length: 4 }, (_, i) => instance({ id: `api-${i}` }))
    const before = ownersOf(instances)
    instances[0]!.isFull = true
    const meanwhile = ownersOf(instances)
    expect(new Set(meanwhile)).toEqual(new Set(['api-1', 'api-2', 'api-3']))
    for (const [i, owner] of before.entries()) if (owner !== 'api-0') expect(meanwhile[i]).toBe(owner)
    instances[0]!.isFull = false
    expect(ownersOf(instances)).toEqual(before)
  })
})
