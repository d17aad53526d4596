import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { catalogRecipes } from '../../data/recipes.ts'
import { ALLERGENS } from '../../domain/allergen.ts'
import { firstOpenWeek } from '../../domain/cut-off.ts'
import { menuNumber, menuOf } from '../../domain/menu.ts'
import { decideOrder, type OrderCircumstances, type OrderRequest } from '../../domain/order-rules.ts'
import { REGIONS } from '../../domain/region.ts'

const recipes = catalogRecipes()
const nowMs = Date.UTC(2026, 10, 22, 17)
const week = firstOpenWeek(REGIONS.de, nowMs)
const onMenu = new Set(menuOf(menuNumber(week), recipes))
const menu = recipes.filter((recipe) => onMenu.has(recipe.id))
const [first, second, third] = menu.map((recipe) => recipe.id) as [number, number, number]

const request = (changes: Partial<OrderRequest> = {}): OrderRequest => ({
  week,
  recipeIds: [first, second, third],
  slot: 'tue-evening',
  ...changes,
})

const circumstances = (changes: Partial<OrderCircumstances['subscriber']> = {}, now = nowMs): OrderCircumstances => ({
  subscriber: { allergens: [], people: 2, region: REGIONS.de, isFirstOrder: false, ...changes },
  menu,
  nowMs: now,
})

const failuresOf = (...args: Parameters<typeof decideOrder>) => {
  const decision = decideOrder(...args)
  return decision.ok ? [] : decision.failures
}

describe('an order', () => {
  it('is accepted with its price when nothing is wrong with it', () => {
    const decision = decideOrder(request(), circumstances())
    expect(decision).toMatchObject({
      ok: true,
      order: { week, plan: { meals: 3, people: 2 }, slot: { code: 'tue-evening' } },
    })
    if (decision.ok) expect(decision.order.price.lines).toHaveLength(4)
  })

  it('is refused after the cut-off, with the week that is still open', () => {
    const thursday = Date.parse('2026-11-25T23:00:00Z')
    expect(failuresOf(request(), circumstances({}, thursday))).toEqual([
      { kind: 'cut-off-passed', closedAt: '2026-11-25T23:00:00.000Z', firstOpenWeek: week + 1 },
    ])
  })

  it('is refused for weeks too far ahead', () => {
    expect(failuresOf(request({ week: week + 4 }), circumstances())).toEqual([
      { kind: 'too-far-ahead', lastOpenWeek: week + 3 },
    ])
  })

  it('is told all that is wrong with it at once', () => {
    const kinds = failuresOf(
      request({ recipeIds: [first, first, 9999, second, third, 9998], slot: 'sun-night' }),
      circumstances(),
    )
    expect(kinds.map((failure) => failure.kind)).toEqual([
      'meals-per-box',
      'recipe-twice',
      'not-on-menu',
      'slot-unknown',
    ])
  })

  it('is refused when any meal holds an allergen of the subscriber, and only then', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom(...menu), { minLength: 2, maxLength: 5 }),
        fc.uniqueArray(fc.constantFrom(...ALLERGENS), { maxLength: 3 }),
        (meals, allergens) => {
          const decision = decideOrder(
            request({ recipeIds: meals.map((meal) => meal.id) }),
            circumstances({ allergens }),
          )
          const harmful = meals.filter((meal) => meal.allergens.some((one) => allergens.includes(one)))
          expect(decision.ok).toBe(harmful.length === 0)
          if (!decision.ok) {
            expect(decision.failures.map((failure) => failure.kind === 'allergens' && failure.recipeId)).toEqual(
              harmful.map((meal) => meal.id),
            )
          }
        },
      ),
    )
  })

  it('says why a voucher was refused, and uses one that is good', () => {
    expect(failuresOf(request({ voucher: 'WELCOME40' }), circumstances())).toEqual([
      { kind: 'voucher-refused', code: 'WELCOME40', reason: 'first order only' },
    ])
    const decision = decideOrder(request({ voucher: 'welcome40' }), circumstances({ isFirstOrder: true }))
    expect(decision.ok && decision.order.price.reductionCents).toBeGreaterThan(0)
  })
})
