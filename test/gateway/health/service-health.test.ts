import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ResolvedTraffic } from '../../../src/blueprint/resolved-traffic.ts'
import { DEFAULT_TRAFFIC } from '../../../src/blueprint/resolved-traffic.ts'
import { seededRandom } from '../../../src/core/random.ts'
import type { HealthChange, Patient, ServiceHealth } from '../../../src/gateway/health/service-health.ts'
import { createServiceHealth } from '../../../src/gateway/health/service-health.ts'

const PROBE = { path: '/healthz', intervalMs: 5_000, timeoutMs: 1_000, failures: 3, successes: 2 }

function patients(count: number): Patient[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `api-${i + 1}`,
    endpoint: { id: `api-${i + 1}`, host: '127.0.0.1', port: 1 },
    outcomes: { requests: 0, failures: 0, consecutive: 0 },
  }))
}

function healthOf(
  instances: readonly Patient[],
  traffic: Partial<ResolvedTraffic> = {},
): { health: ServiceHealth<Patient>; told: string[] } {
  const told: string[] = []
  const onChange = (change: HealthChange<Patient>): void => {
    told.push(change.kind === 'panic' ? `panic ${change.isPanic}` : `${change.instance.id} ${change.kind}`)
  }
  const health = createServiceHealth({ random: seededRandom(1), onChange })
  health.configure(instances, { ...DEFAULT_TRAFFIC, ...traffic })
  return { health, told }
}

function fail(health: ServiceHealth<Patient>, instance: Patient, times: number, nowMs: number): void {
  for (let i = 0; i < times; i++) health.report(instance, true, nowMs)
}

const ids = (instances: readonly Patient[]): string[] => instances.map(({ id }) => id)

describe('failures in a row', () => {
  it('take an instance out at the fifth, for 30 s, and no success in between', () => {
    const all = patients(3)
    const { health, told } = healthOf(all)
    fail(health, all[0]!, 4, 0)
    health.report(all[0]!, false, 0)
    fail(health, all[0]!, 4, 0)
    expect(ids(health.available)).toEqual(['api-1', 'api-2', 'api-3'])
    fail(health, all[0]!, 1, 0)
    expect(ids(health.available)).toEqual(['api-2', 'api-3'])
    expect(health.out).toMatchObject([{ instance: { id: 'api-1' }, reason: 'consecutive_failures' }])
    expect(health.out[0]!.detail).toMatch(/^5 failures in a row: out for 3[0-3] s$/)
    health.sweep(29_999)
    expect(ids(health.available)).toEqual(['api-2', 'api-3'])
    health.sweep(33_000)
    expect(ids(health.available)).toEqual(['api-1', 'api-2', 'api-3'])
    expect(told).toEqual(['api-1 out', 'api-1 back'])
  })

  it('take it out for longer when they come again soon, and not when they come much later', () => {
    const all = patients(3)
    const outUntil = (health: ServiceHealth<Patient>, fromMs: number): number => {
      let nowMs = fromMs
      while (health.out.length > 0) health.sweep((nowMs += 1_000))
      return nowMs
    }
    const { health } = healthOf(all)
    fail(health, all[0]!, 5, 0)
    const first = outUntil(health, 0)
    fail(health, all[0]!, 5, first)
    const second = outUntil(health, first)
    expect(second - first).toBeGreaterThanOrEqual(60_000)
    for (let passedMs = 0; passedMs <= 60_000; passedMs += 10_000) health.sweep(second + passedMs)
    fail(health, all[0]!, 5, second + 60_000)
    const third = outUntil(health, second + 60_000)
    expect(third - second - 60_000).toBeLessThanOrEqual(34_000)
  })

  it('take out one of three at most, and of one instance none in effect', () => {
    const all = patients(3)
    const { health } = healthOf(all)
    for (const instance of all) fail(health, instance, 50, 0)
    expect(ids(health.available)).toEqual(['api-2', 'api-3'])
    const [only] = patients(1)
    const single = healthOf([only!])
    fail(single.health, only!, 50, 0)
    expect(ids(single.health.available)).toEqual(['api-1'])
    expect(single.health.isPanic).toBe(true)
  })

  it('do nothing where ejection is off', () => {
    const all = patients(3)
    const { health, told } = healthOf(all, { ejection: undefined })
    fail(health, all[0]!, 500, 0)
    expect(health.available).toHaveLength(3)
    expect(told).toEqual([])
  })

  it('are forgotten with an instance that leaves, and count anew for the next of its name', () => {
    const all = patients(2)
    const { health } = healthOf(all)
    fail(health, all[0]!, 5, 0)
    const [again] = patients(1)
    health.configure([again!, all[1]!], DEFAULT_TRAFFIC)
    expect(health.out).toEqual([])
    expect(health.available).toEqual([again, all[1]])
  })
})

it('takes an instance out whose success rate is far below the others, when rates are looked at', () => {
  const all = patients(10)
  const { health } = healthOf(all)
  health.sweep(0)
  for (const [i, instance] of all.entries()) {
    // Never five in a row.
    for (let n = 0; n < 200; n++) health.report(instance, i === 3 && n % 2 === 0, 0)
  }
  health.sweep(9_999)
  expect(health.out).toEqual([])
  health.sweep(10_000)
  expect(health.out).toMatchObject([{ instance: { id: 'api-4' }, reason: 'success_rate' }])
})

describe('probes', () => {
  it('take an instance out and bring it back', () => {
    const all = patients(3)
    const { health, told } = healthOf(all, { probe: PROBE })
    for (let i = 0; i < 3; i++) health.probed(all[1]!, '/healthz answered 503')
    expect(health.out).toEqual([{ instance: all[1], reason: 'probe', detail: '/healthz answered 503' }])
    expect(ids(health.available)).toEqual(['api-1', 'api-3'])
    health.probed(all[1]!, undefined)
    expect(health.out).toHaveLength(1)
    health.probed(all[1]!, undefined)
    expect(ids(health.available)).toEqual(['api-1', 'api-2', 'api-3'])
    expect(told).toEqual(['api-2 out', 'api-2 back'])
  })

  it('end an ejection with the first that passes', () => {
    const all = patients(3)
    const { health, told } = healthOf(all, { probe: PROBE })
    fail(health, all[0]!, 5, 0)
    health.probed(all[0]!, undefined)
    expect(health.available).toHaveLength(3)
    expect(told).toEqual(['api-1 out', 'api-1 back'])
  })

  it('do not end an ejection of one that they hold to be unwell, nor tell twice', () => {
    const all = patients(3)
    const { health, told } = healthOf(all, { probe: PROBE })
    fail(health, all[0]!, 5, 0)
    for (let i = 0; i < 3; i++) health.probed(all[0]!, 'no answer')
    health.sweep(400_000)
    expect(ids(health.available)).toEqual(['api-2', 'api-3'])
    expect(told).toEqual(['api-1 out'])
  })

  it('say nothing any more once they are off', () => {
    const all = patients(3)
    const { health } = healthOf(all, { probe: PROBE })
    for (let i = 0; i < 3; i++) health.probed(all[0]!, 'no answer')
    health.configure(all, DEFAULT_TRAFFIC)
    expect(health.available).toHaveLength(3)
    health.probed(all[0]!, 'no answer')
    expect(health.out).toEqual([])
  })
})

describe('a panic', () => {
  it('has all get requests when fewer than half are well, and ends when half are', () => {
    const all = patients(4)
    const { health, told } = healthOf(all, { probe: PROBE })
    for (const instance of all.slice(0, 3)) for (let i = 0; i < 3; i++) health.probed(instance, 'no answer')
    expect(health.isPanic).toBe(true)
    expect(health.available).toEqual(all)
    expect(health.out).toHaveLength(3)
    for (let i = 0; i < 2; i++) health.probed(all[0]!, undefined)
    expect(health.isPanic).toBe(false)
    expect(ids(health.available)).toEqual(['api-1', 'api-4'])
    expect(told.filter((text) => text.startsWith('panic'))).toEqual(['panic true', 'panic false'])
  })
})

type Event =
  | { readonly kind: 'answer'; readonly at: number; readonly isFailure: boolean; readonly times: number }
  | { readonly kind: 'probe'; readonly at: number; readonly isFailure: boolean }
  | { readonly kind: 'pass'; readonly ms: number }

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    kind: fc.constant('answer' as const),
    at: fc.nat(19),
    isFailure: fc.boolean(),
    times: fc.integer({ min: 1, max: 200 }),
  }),
  fc.record({ kind: fc.constant('probe' as const), at: fc.nat(19), isFailure: fc.boolean() }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(60_000) }),
)

it('always leaves somebody, half or more of them or all, bounds ejections, and forgets everything in time', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.array(event, { maxLength: 60 }),
      (count, atMost, events) => {
        const all = patients(count)
        const { health } = healthOf(all, { probe: PROBE, ejection: { after: 5, forMs: 30_000, atMost } })
        let nowMs = 0
        for (const each of events) {
          if (each.kind === 'pass') health.sweep((nowMs += each.ms))
          else {
            const instance = all[each.at % count]!
            if (each.kind === 'probe') health.probed(instance, each.isFailure ? 'no answer' : undefined)
            else for (let i = 0; i < each.times; i++) health.report(instance, each.isFailure, nowMs)
          }
          expect(health.available.length).toBeGreaterThanOrEqual(1)
          expect(health.available.length).toBeGreaterThanOrEqual(count / 2)
          expect(health.isPanic || health.available.length === count - health.out.length).toBe(true)
          const ejected = health.out.filter(({ reason }) => reason !== 'probe').length
          expect(ejected).toBeLessThanOrEqual(Math.max(1, Math.floor(count * atMost + 1e-9)))
        }
        for (const instance of all) for (let i = 0; i < 2; i++) health.probed(instance, undefined)
        health.sweep(nowMs + 330_000)
        expect(health.available).toEqual(all)
      },
    ),
    { numRuns: 300 },
  )
})
