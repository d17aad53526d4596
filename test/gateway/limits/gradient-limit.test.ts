import { array, assert, double, nat, property, record } from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { GradientLimit } from '../../../src/gateway/limits/gradient-limit.ts'
import { createGradientLimit } from '../../../src/gateway/limits/gradient-limit.ts'

/** A service that works on so many requests side by side, each for 50 ms; more share the time. All demand is met. */
function play(
  limit: GradientLimit,
  options: { workers: number; seconds: number; demand?: number; from?: number },
): number[] {
  const { workers, seconds, demand = Infinity, from = 0 } = options
  const limits: number[] = []
  for (let nowMs = from * 1_000; nowMs < (from + seconds) * 1_000; nowMs += 5) {
    const inFlight = Math.min(demand, limit.limit)
    limit.observe(50 * Math.max(1, inFlight / workers), inFlight, nowMs)
    limits.push(limit.limit)
  }
  return limits
}

describe('the adaptive limit', () => {
  it('begins at the least, and rises while requests get no slower', () => {
    const limit = createGradientLimit({ min: 4, max: 100 })
    expect(limit.limit).toBe(4)
    const limits = play(limit, { workers: 1_000, seconds: 2 })
    expect(limits.at(-1)).toBeGreaterThan(15)
    play(limit, { workers: 1_000, seconds: 20, from: 2 })
    expect(limit.limit).toBe(100)
  })

  it('comes to rest near what the service can do side by side, however many requests want in', () => {
    const limit = createGradientLimit({ min: 4, max: 1_000 })
    const limits = play(limit, { workers: 40, seconds: 60 })
    const settled = limits.slice(limits.length / 2)
    expect(Math.min(...settled)).toBeGreaterThan(40)
    expect(Math.max(...settled)).toBeLessThan(100)
  })

  it('falls to a half within two seconds when the service gets slow, and rises when it is well again', () => {
    const limit = createGradientLimit({ min: 4, max: 200 })
    play(limit, { workers: 1_000, seconds: 60 })
    expect(limit.limit).toBe(200)
    play(limit, { workers: 20, seconds: 2, from: 60 })
    expect(limit.limit).toBeLessThan(100)
    play(limit, { workers: 1_000, seconds: 60, from: 62 })
    expect(limit.limit).toBe(200)
  })

  it('learns nothing while less than half of it is used', () => {
    const limit = createGradientLimit({ min: 10, max: 200 })
    expect(new Set(play(limit, { workers: 1, seconds: 10, demand: 4 }))).toEqual(new Set([10]))
  })

  it('says nothing after a few requests', () => {
    const limit = createGradientLimit({ min: 4, max: 100 })
    for (let i = 0; i < 9; i++) limit.observe(10, 4, i * 1_000)
    expect(limit.limit).toBe(4)
    limit.observe(10, 4, 10_000)
    expect(limit.limit).toBe(4)
    for (let i = 0; i < 20; i++) limit.observe(10, 4, 11_000 + i * 100)
    expect(limit.limit).toBeGreaterThan(4)
  })

  it('stays between its bounds, whatever latencies there are', () => {
    const sample = record({ ms: double({ min: 0, max: 1e6, noNaN: true }), inFlight: nat(500) })
    assert(
      property(array(sample, { maxLength: 500 }), nat(20), (samples, min) => {
        const limit = createGradientLimit({ min: min + 1, max: min + 50 })
        for (const [at, { ms, inFlight }] of samples.entries()) {
          if (at === 250) limit.bound({ min: min + 2, max: min + 10 })
          limit.observe(ms, inFlight, at * 20)
          expect(limit.limit).toBeGreaterThanOrEqual(min + 1)
          expect(limit.limit).toBeLessThanOrEqual(at < 250 ? min + 50 : min + 10)
        }
      }),
    )
  })
})
