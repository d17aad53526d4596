import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { canaryCount, canaryWeight } from '../../src/fleet/canary.ts'

test('a canary has instances in proportion to its share, one at least, never more than all', () => {
  expect([canaryCount(1, 0.01), canaryCount(3, 0.1), canaryCount(10, 0.25), canaryCount(4, 0.5)]).toEqual([1, 1, 3, 2])
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.double({ min: 0.001, max: 0.99, noNaN: true }),
      (desired, share) => {
        const count = canaryCount(desired, share)
        expect(count).toBeGreaterThanOrEqual(1)
        expect(count).toBeLessThanOrEqual(desired)
      },
    ),
  )
})

test('the weights give a canary its share, however many instances there are of each', () => {
  const count = fc.integer({ min: 1, max: 100 })
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 0.9, noNaN: true }), count, count, (share, canaries, others) => {
      const weight = canaryWeight(share, { canaries, others })
      if (weight > 0.001 && weight < 1_000)
        expect((canaries * weight) / (canaries * weight + others)).toBeCloseTo(share, 9)
    }),
  )
})

test('a canary alone weighs as much as anything', () => {
  expect(canaryWeight(0.1, { canaries: 2, others: 0 })).toBe(1)
})
