import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { numberRows } from '../../data/number-rows.ts'
import { orderHistory } from '../../data/order-history.ts'
import { type OrderDetails, orderRows } from '../../data/orders-seed.ts'
import { catalogRecipes } from '../../data/recipes.ts'
import { firstWeekOf, LAST_DELIVERY_WEEK, SUBSCRIBERS } from '../../data/story.ts'
import { seededSubscribers } from '../../data/subscribers.ts'
import { isSafe } from '../../domain/allergen.ts'
import { firstOpenWeek } from '../../domain/cut-off.ts'
import { eats } from '../../domain/diet.ts'
import { MENU_CYCLE_WEEKS, menuNumber, menuOf } from '../../domain/menu.ts'
import { REGIONS } from '../../domain/region.ts'

const SAMPLE = 1500
const recipes = catalogRecipes()
const byId = new Map(recipes.map((recipe) => [recipe.id, recipe]))
const sample = [...seededSubscribers(SAMPLE)]
const orders = [...orderHistory(sample.slice(0, 250), recipes)]
const menus = Array.from({ length: MENU_CYCLE_WEEKS }, (_, menu) => new Set(menuOf(menu, recipes)))
const mealsOf = (order: (typeof orders)[number]) =>
  order.price.lines.flatMap(({ item }) => (item.kind === 'meal' ? byId.get(item.recipeId)! : []))

describe('the subscribers', () => {
  it('grew tenfold in half a year', () => {
    const growthStart = LAST_DELIVERY_WEEK - 26
    expect(firstWeekOf(5000)).toBeLessThan(growthStart)
    expect(firstWeekOf(5001)).toBe(growthStart)
    expect(firstWeekOf(Math.round(5000 * Math.sqrt(10)))).toBeCloseTo(growthStart + 13, -1)
    expect(firstWeekOf(SUBSCRIBERS)).toBeLessThanOrEqual(LAST_DELIVERY_WEEK)
  })

  it('are a plausible crowd', () => {
    const share = (is: (one: (typeof sample)[number]) => boolean): number => sample.filter(is).length / SAMPLE
    expect(share(({ diet }) => diet === 'omnivore')).toBeCloseTo(0.66, 1)
    expect(share(({ allergens }) => allergens.length === 0)).toBeCloseTo(0.8, 1)
    expect(share(({ region }) => region === 'de')).toBeCloseTo(0.52, 1)
    expect(new Set(sample.map(({ email }) => email)).size).toBe(SAMPLE)
    for (const { allergens } of sample) expect(allergens.length).toBeLessThanOrEqual(2)
  })
})

describe('the orders', () => {
  it('are the same on every machine and every time', () => {
    const details: OrderDetails = { lines: numberRows(6), ratings: numberRows(4), counts: new Map() }
    const hash = createHash('sha256')
    for (const row of orderRows(orderHistory(seededSubscribers(200), recipes), details))
      hash.update(JSON.stringify(row))
    for (const row of details.lines.rows()) hash.update(row.join())
    for (const row of details.ratings.rows()) hash.update(row.join())
    // Changes when the data does: then everybody's measurements change with it, so do it on purpose.
    expect(hash.digest('hex').slice(0, 16)).toBe('f3123902c279c103')
  })

  it('keep every rule: menu, diet, allergens, plan and cut-off', () => {
    const broken = orders.filter((order) => {
      const { subscriber, week } = order
      const meals = mealsOf(order)
      const isFit = meals.every(
        (meal) =>
          menus[menuNumber(week)]?.has(meal.id) === true &&
          eats(subscriber.diet, meal.diet) &&
          isSafe(meal.allergens, subscriber.allergens),
      )
      const isPlan = meals.length === subscriber.meals && new Set(meals).size === meals.length
      const region = REGIONS[subscriber.region]
      return !isFit || !isPlan || firstOpenWeek(region, order.placedAtMs) !== week || week > LAST_DELIVERY_WEEK
    })
    expect(broken).toEqual([])
    expect(orders.length).toBeGreaterThan(5000)
  })

  it('are numbered from 1 for each subscriber, in the order of time', () => {
    const broken = orders.filter((order, i) => {
      const before = orders[i - 1]
      if (before?.subscriber !== order.subscriber) return order.orderNumber !== 1
      return order.orderNumber !== before.orderNumber + 1 || order.placedAtMs <= before.placedAtMs
    })
    expect(broken).toEqual([])
  })

  it('come when people think of dinner: a quarter and more between four and seven', () => {
    const hour = (ms: number, timeZone: string): number =>
      Number(new Intl.DateTimeFormat('en-GB', { hour: '2-digit', hourCycle: 'h23', timeZone }).format(ms))
    const some = orders.filter((_, i) => i % 5 === 0)
    const hours = some.map((order) => hour(order.placedAtMs, REGIONS[order.subscriber.region].timeZone))
    const share = hours.filter((h) => h >= 16 && h < 19).length / hours.length
    expect(share).toBeGreaterThan(0.35)
    expect(share).toBeLessThan(0.5)
  })
})
