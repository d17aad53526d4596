import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { slowStartShare } from '../../../src/gateway/balancing/slow-start.ts'

it('begins with a tenth, never goes back and ends with all of it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 600_000 }),
      fc.nat(700_000),
      fc.nat(1_000),
      (windowMs, elapsedMs, laterMs) => {
        const share = slowStartShare(elapsedMs, windowMs)
        expect(share).toBeGreaterThanOrEqual(0.1)
        expect(share).toBeLessThanOrEqual(1)
        expect(slowStartShare(elapsedMs + laterMs, windowMs)).toBeGreaterThanOrEqual(share)
        expect(share === 1).toBe(elapsedMs >= windowMs)
      },
    ),
  )
  expect(slowStartShare(0, 30_000)).toBe(0.1)
  expect(slowStartShare(15_000, 30_000)).toBe(0.5)
  expect(slowStartShare(0, 0)).toBe(1)
})
