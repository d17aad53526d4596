import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { createTokenBuckets } from '../../../src/gateway/limits/token-buckets.ts'

it('lets a burst through and then one for each token, and says when the next one comes', () => {
  const buckets = createTokenBuckets({ requests: 10, perMs: 1_000, burst: 3 })
  expect([0, 0, 0, 0].map((nowMs) => buckets.take('a', nowMs))).toEqual([0, 0, 0, 100])
  expect(buckets.take('a', 99)).toBeCloseTo(1)
  expect(buckets.take('a', 100)).toBe(0)
  expect(buckets.take('a', 100)).toBeCloseTo(100)
})

it('takes nothing from one key for another', () => {
  const buckets = createTokenBuckets({ requests: 1, perMs: 1_000, burst: 1 })
  expect(buckets.take('a', 0)).toBe(0)
  expect(buckets.take('b', 0)).toBe(0)
})

it('never lets more through in any stretch of time than the burst and what the time is worth', () => {
  const rule = fc.record({
    requests: fc.integer({ min: 1, max: 50 }),
    perMs: fc.integer({ min: 10, max: 5_000 }),
    burst: fc.integer({ min: 1, max: 20 }),
  })
  fc.assert(
    fc.property(rule, fc.array(fc.nat(300), { maxLength: 200 }), (given, pausesMs) => {
      const buckets = createTokenBuckets(given)
      const takenMs: number[] = []
      let nowMs = 0
      for (const pauseMs of pausesMs) {
        nowMs += pauseMs
        const waitMs = buckets.take('a', nowMs)
        if (waitMs === 0) takenMs.push(nowMs)
        else expect(waitMs).toBeLessThanOrEqual(given.perMs / given.requests + 1e-6)
      }
      for (const [from, fromMs] of takenMs.entries()) {
        for (let to = from; to < takenMs.length; to++) {
          const worth = ((takenMs[to]! - fromMs) * given.requests) / given.perMs
          expect(to - from + 1).toBeLessThanOrEqual(given.burst + worth + 1e-6)
        }
      }
    }),
    { numRuns: 100 },
  )
})

it('gives a token to whoever comes when it said', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 60_000 }), (requests, perMs) => {
      const buckets = createTokenBuckets({ requests, perMs, burst: 1 })
      buckets.take('a', 0)
      expect(buckets.take('a', buckets.take('a', 0))).toBe(0)
    }),
  )
})

it('remembers so many keys at most, and forgets first those whose buckets are full', () => {
  const buckets = createTokenBuckets({ requests: 1, perMs: 1_000, burst: 1 }, 100)
  for (let i = 0; i < 1_000; i++) buckets.take(`key ${i}`, i)
  expect(buckets.size).toBeLessThanOrEqual(100)
  for (let i = 0; i < 100; i++) buckets.take(`later ${i}`, 10_000 + i)
  expect(buckets.take('later 99', 10_099)).toBeGreaterThan(0)
})
