import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { errorBudget } from '../../src/objectives/error-budget.ts'

describe('the error budget', () => {
  it('is the share of events that may go wrong', () => {
    expect(errorBudget({ objective: 0.999, total: 10_000, bad: 5 })).toEqual({
      allowed: 10,
      bad: 5,
      consumed: 0.5,
      remaining: 5,
    })
  })

  it('is used up beyond its end', () => {
    expect(errorBudget({ objective: 0.9, total: 100, bad: 20 })).toMatchObject({ consumed: 2, remaining: 0 })
  })

  it('of nothing is not touched by nothing, and exceeded by anything', () => {
    expect(errorBudget({ objective: 1, total: 100, bad: 0 }).consumed).toBe(0)
    expect(errorBudget({ objective: 1, total: 100, bad: 1 }).consumed).toBe(Number.POSITIVE_INFINITY)
  })

  it('is consumed in step with the bad events', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.5, max: 0.9999, noNaN: true }),
        fc.integer({ min: 1, max: 1e6 }),
        (objective, bad) => {
          const one = errorBudget({ objective, total: 1e6, bad })
          const two = errorBudget({ objective, total: 1e6, bad: 2 * bad })
          expect(two.consumed).toBeCloseTo(2 * one.consumed, 6)
        },
      ),
    )
  })
})
