import { type Allergen, conflictingAllergens } from './allergen.ts'
import { closesAt, firstOpenWeek, isOpen, WEEKS_AHEAD } from './cut-off.ts'
import { deliverySlot, DELIVERY_SLOTS } from './delivery-slot.ts'
import { isMealsPerBox, MEALS_PER_BOX, type PeoplePerMeal } from './plan.ts'
import { type Box, type Price, priceOf } from './price.ts'
import type { Recipe } from './recipe.ts'
import type { Region } from './region.ts'
import { voucherOf, voucherRefusal, type VoucherRefusal } from './voucher.ts'
import type { Week } from './week.ts'

/** What a subscriber asks for. */
export interface OrderRequest {
  readonly week: Week
  readonly recipeIds: readonly number[]
  readonly slot: string
  readonly voucher?: string | undefined
}

/** Everything a decision about an order rests on. */
export interface OrderCircumstances {
  readonly subscriber: {
    readonly allergens: readonly Allergen[]
    readonly people: PeoplePerMeal
    readonly region: Region
    readonly isFirstOrder: boolean
  }
  /** The menu of the week that is asked for; what of it is not asked for may be missing. */
  readonly menu: readonly Recipe[]
  readonly nowMs: number
}

/** Why an order can't be taken. */
export type OrderFailure =
  | { readonly kind: 'cut-off-passed'; readonly closedAt: string; readonly firstOpenWeek: Week }
  | { readonly kind: 'too-far-ahead'; readonly lastOpenWeek: Week }
  | { readonly kind: 'meals-per-box'; readonly allowed: readonly number[]; readonly given: number }
  | { readonly kind: 'recipe-twice'; readonly recipeIds: readonly number[] }
  | { readonly kind: 'not-on-menu'; readonly recipeIds: readonly number[] }
  | { readonly kind: 'allergens'; readonly recipeId: number; readonly allergens: readonly Allergen[] }
  | { readonly kind: 'slot-unknown'; readonly slots: readonly string[] }
  | { readonly kind: 'voucher-refused'; readonly code: string; readonly reason: VoucherRefusal }

/** An order that may be taken, with its price. Whether its slot has a place left, only the database can say. */
export interface AcceptableOrder extends Box {
  readonly week: Week
  readonly price: Price
}

export type OrderDecision =
  | { readonly ok: true; readonly order: AcceptableOrder }
  | { readonly ok: false; readonly failures: readonly OrderFailure[] }

/** Decides about an order: all that is wrong with it at once, or the box and its price. */
export function decideOrder(request: OrderRequest, circumstances: OrderCircumstances): OrderDecision {
  const { subscriber, nowMs } = circumstances
  const failures: OrderFailure[] = weekFailures(request.week, subscriber.region, nowMs)
  const count = request.recipeIds.length
  if (!isMealsPerBox(count)) failures.push({ kind: 'meals-per-box', allowed: MEALS_PER_BOX, given: count })
  const twice = request.recipeIds.filter((id, index) => request.recipeIds.indexOf(id) !== index)
  if (twice.length > 0) failures.push({ kind: 'recipe-twice', recipeIds: [...new Set(twice)] })
  const { meals, missing } = lookUp(request.recipeIds, circumstances.menu)
  if (missing.length > 0) failures.push({ kind: 'not-on-menu', recipeIds: missing })
  for (const meal of meals) {
    const allergens = conflictingAllergens(meal.allergens, subscriber.allergens)
    if (allergens.length > 0) failures.push({ kind: 'allergens', recipeId: meal.id, allergens })
  }
  const slot = deliverySlot(request.slot)
  if (slot === undefined) failures.push({ kind: 'slot-unknown', slots: DELIVERY_SLOTS.map(({ code }) => code) })
  if (failures.length > 0 || slot === undefined || !isMealsPerBox(count)) return { ok: false, failures }

  const box = { plan: { meals: count, people: subscriber.people }, meals, region: subscriber.region, slot }
  const voucher = request.voucher === undefined ? undefined : voucherOf(request.voucher)
  if (request.voucher !== undefined) {
    const mealsCents = mealsOf(priceOf({ ...box, voucher: undefined }))
    const reason = voucherRefusal(voucher, { mealsCents, isFirstOrder: subscriber.isFirstOrder, nowMs })
    if (reason !== undefined)
      return { ok: false, failures: [{ kind: 'voucher-refused', code: request.voucher, reason }] }
  }
  const price = priceOf({ ...box, voucher })
  return { ok: true, order: { ...box, voucher, week: request.week, price } }
}

function weekFailures(week: Week, region: Region, nowMs: number): OrderFailure[] {
  const first = firstOpenWeek(region, nowMs)
  if (!isOpen(week, region, nowMs)) {
    return [{ kind: 'cut-off-passed', closedAt: new Date(closesAt(week, region)).toISOString(), firstOpenWeek: first }]
  }
  const last = first + WEEKS_AHEAD - 1
  return week > last ? [{ kind: 'too-far-ahead', lastOpenWeek: last }] : []
}

function lookUp(ids: readonly number[], menu: readonly Recipe[]): { meals: Recipe[]; missing: number[] } {
  const byId = new Map(menu.map((recipe) => [recipe.id, recipe]))
  const meals: Recipe[] = []
  const missing: number[] = []
  for (const id of ids) {
    const recipe = byId.get(id)
    if (recipe === undefined) missing.push(id)
    else meals.push(recipe)
  }
  return { meals, missing }
}

function mealsOf(price: Price): number {
  return price.lines.reduce((sum, line) => sum + (line.item.kind === 'meal' ? line.totalCents : 0), 0)
}
