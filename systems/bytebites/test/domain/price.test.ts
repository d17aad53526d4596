import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DELIVERY_SLOTS, deliverySlot } from '../../domain/delivery-slot.ts'
import { MEALS_PER_BOX, PEOPLE_PER_MEAL, pricePerServing } from '../../domain/plan.ts'
import { type Box, FREE_DELIVERY_FROM_CENTS, priceOf } from '../../domain/price.ts'
import { REGIONS } from '../../domain/region.ts'
import { VOUCHERS, voucherOf } from '../../domain/voucher.ts'

const slot = deliverySlot('tue-morning') ?? DELIVERY_SLOTS[0]!

const anyBox: fc.Arbitrary<Box> = fc
  .record({
    meals: fc.constantFrom(...MEALS_PER_BOX),
    people: fc.constantFrom(...PEOPLE_PER_MEAL),
    region: fc.constantFrom(...Object.values(REGIONS)),
    slot: fc.constantFrom(...DELIVERY_SLOTS),
    voucher: fc.constantFrom(undefined, ...VOUCHERS),
    surcharges: fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 5, maxLength: 5 }),
  })
  .map(({ meals, people, surcharges, ...rest }) => ({
    ...rest,
    plan: { meals, people },
    meals: surcharges.slice(0, meals).map((surchargeCents, id) => ({ id, surchargeCents })),
  }))

describe('the price of a box', () => {
  it('is the sum of its lines, to the cent, for any box', () => {
    fc.assert(
      fc.property(anyBox, (box) => {
        const price = priceOf(box)
        const sum = (of: (line: (typeof price.lines)[number]) => number): number =>
          price.lines.reduce((total, line) => total + of(line), 0)
        expect(price.totalCents).toBe(sum((line) => line.totalCents))
        expect(price.taxCents).toBe(sum((line) => line.taxCents))
        expect(price.grossCents - price.reductionCents).toBe(price.totalCents)
        for (const line of price.lines) {
          expect(line.unitCents * line.quantity).toBe(line.grossCents)
          expect(line.grossCents - line.reductionCents).toBe(line.totalCents)
          expect(line.totalCents).toBeGreaterThanOrEqual(0)
          expect(line.taxCents).toBeLessThanOrEqual(line.totalCents)
          for (const amount of Object.values(line))
            if (typeof amount === 'number') expect(Number.isInteger(amount)).toBe(true)
        }
      }),
    )
  })

  it('taxes food at the reduced rate and the delivery at the standard rate', () => {
    const price = priceOf({
      plan: { meals: 2, people: 2 },
      meals: [
        { id: 1, surchargeCents: 0 },
        { id: 2, surchargeCents: 250 },
      ],
      region: REGIONS.de,
      slot,
      voucher: undefined,
    })
    expect(price.lines.map((line) => [line.totalCents, line.taxCents])).toEqual([
      [2098, 137],
      [2598, 170],
      [499, 80],
    ])
    expect(price).toMatchObject({ totalCents: 5195, taxCents: 387 })
  })

  it('spreads a voucher over the meals and never over the delivery', () => {
    const price = priceOf({
      plan: { meals: 3, people: 2 },
      meals: [0, 0, 333].map((surchargeCents, id) => ({ id, surchargeCents })),
      region: REGIONS.at,
      slot,
      voucher: voucherOf('friend10'),
    })
    expect(price.reductionCents).toBe(1000)
    expect(price.lines.at(-1)).toMatchObject({ item: { kind: 'delivery' }, reductionCents: 0, totalCents: 549 })
  })

  it('delivers free from a bound on, which the voucher is counted against', () => {
    const box: Box = {
      plan: { meals: 5, people: 2 },
      meals: [1, 2, 3, 4, 5].map((id) => ({ id, surchargeCents: 0 })),
      region: REGIONS.de,
      slot,
      voucher: undefined,
    }
    expect(priceOf(box).totalCents).toBeGreaterThanOrEqual(FREE_DELIVERY_FROM_CENTS)
    expect(priceOf(box).lines.some((line) => line.item.kind === 'delivery')).toBe(false)
    expect(priceOf({ ...box, voucher: voucherOf('WELCOME40') }).lines.at(-1)?.item.kind).toBe('delivery')
  })

  it('asks less for a serving the more servings there are', () => {
    for (const people of PEOPLE_PER_MEAL) {
      const prices = MEALS_PER_BOX.map((meals) => pricePerServing({ meals, people }))
      expect(prices).toEqual([...prices].sort((a, b) => b - a))
    }
    for (const meals of MEALS_PER_BOX) {
      expect(pricePerServing({ meals, people: 4 })).toBeLessThan(pricePerServing({ meals, people: 2 }))
    }
  })
})
