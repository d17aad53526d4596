import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { allocate, partOf, taxWithin } from '../../domain/money.ts'

const cents = fc.integer({ min: 0, max: 10_000_000 })
const rate = fc.integer({ min: 0, max: 10_000 })

describe('money', () => {
  it('rounds a part half up', () => {
    expect(partOf(999, 1900)).toBe(190)
    expect(partOf(50, 100)).toBe(1)
    expect(partOf(49, 100)).toBe(0)
  })

  it('finds the tax within a gross amount', () => {
    expect(taxWithin(1190, 1900)).toBe(190)
    expect(taxWithin(1070, 700)).toBe(70)
    expect(taxWithin(949, 0)).toBe(0)
  })

  it('is never further from the exact tax than half a cent', () => {
    fc.assert(
      fc.property(cents, rate, (gross, basisPoints) => {
        const exact = (gross * basisPoints) / (10_000 + basisPoints)
        expect(Math.abs(taxWithin(gross, basisPoints) - exact)).toBeLessThanOrEqual(0.5 + 1e-6)
      }),
    )
  })

  it('gives away every cent and no other, in fair shares', () => {
    fc.assert(
      fc.property(
        cents,
        fc.array(fc.integer({ min: 0, max: 50_000 }), { minLength: 1, maxLength: 8 }),
        (amount, weights) => {
          const sum = weights.reduce((total, weight) => total + weight, 0)
          fc.pre(sum > 0)
          const shares = allocate(amount, weights)
          expect(shares.reduce((total, share) => total + share, 0)).toBe(amount)
          for (const [i, share] of shares.entries()) {
            expect(Number.isInteger(share)).toBe(true)
            expect(Math.abs(share - (amount * (weights[i] ?? 0)) / sum)).toBeLessThan(1)
          }
        },
      ),
    )
  })

  it('gives nothing where nothing has weight', () => {
    expect(allocate(100, [0, 0])).toEqual([0, 0])
    expect(allocate(100, [0, 5])).toEqual([0, 100])
  })
})
