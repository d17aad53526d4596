import { describe, expect, test } from 'vitest'
import { meanOfMd1, quotaCore, slowCore } from '../../../bench/scale-model/quota-model.ts'
import { seededRandom } from '../../../src/core/random.ts'

const load = (workMs: number, cpu: number, utilisation: number) => ({
  workMs,
  cpu,
  utilisation,
  random: seededRandom(1),
})

describe('the slow core', () => {
  test.each([0.3, 0.5, 0.7])('has the mean of M/D/1 at %f', (utilisation) => {
    const expected = meanOfMd1(40, utilisation)
    expect(slowCore(load(4, 0.1, utilisation)).meanMs / expected).toBeCloseTo(1, 1)
  })
})

describe('the core with a quota', () => {
  test('is a slow core when the period is short beside the work', () => {
    const slow = slowCore(load(20, 0.2, 0.7))
    const quota = quotaCore(load(20, 0.2, 0.7), 1)
    expect(quota.p50Ms / slow.p50Ms).toBeCloseTo(1, 1)
    expect(quota.p95Ms / slow.p95Ms).toBeCloseTo(1, 1)
  })

  test('answers as a whole core does while its quota lasts', () => {
    expect(quotaCore(load(1, 0.1, 0.3), 100).p95Ms).toBeCloseTo(1, 1)
  })

  test('is never behind the slow core by more than a period without its quota', () => {
    for (const utilisation of [0.3, 0.5, 0.7, 0.85]) {
      const slow = slowCore(load(4, 0.1, utilisation))
      const quota = quotaCore(load(4, 0.1, utilisation), 100)
      expect(quota.p99Ms).toBeLessThan(slow.p99Ms + 90)
    }
  })

  test('is the slow core when it has all of the core', () => {
    expect(quotaCore(load(4, 1, 0.7), 100).p99Ms).toBeCloseTo(slowCore(load(4, 1, 0.7)).p99Ms, 6)
  })
})
