import type { DeliverySlot } from './delivery-slot.ts'
import { allocate, type BasisPoints, type Cents, taxWithin } from './money.ts'
import { type Plan, pricePerServing } from './plan.ts'
import type { Region } from './region.ts'
import { reductionOf, type Voucher } from './voucher.ts'

/** Boxes whose meals cost this much after the voucher are delivered free; a slot's own fee stays. */
export const FREE_DELIVERY_FROM_CENTS: Cents = 8000

/** One position of a bill. `grossCents − reductionCents = totalCents`, of which `taxCents` is tax. */
export interface PriceLine {
  readonly item: { readonly kind: 'meal'; readonly recipeId: number } | { readonly kind: 'delivery' }
  /** Servings of a meal; 1 for the delivery. */
  readonly quantity: number
  readonly unitCents: Cents
  readonly grossCents: Cents
  readonly reductionCents: Cents
  readonly totalCents: Cents
  readonly taxRate: BasisPoints
  readonly taxCents: Cents
}

/** A bill: each sum is the sum over its lines, to the cent. */
export interface Price {
  readonly lines: readonly PriceLine[]
  readonly grossCents: Cents
  readonly reductionCents: Cents
  readonly totalCents: Cents
  readonly taxCents: Cents
}

/** What is in a box and where it goes. */
export interface Box {
  readonly plan: Plan
  readonly meals: readonly { readonly id: number; readonly surchargeCents: Cents }[]
  readonly region: Region
  readonly slot: DeliverySlot
  /** Already found usable, or undefined. */
  readonly voucher: Voucher | undefined
}

/**
 * What a box costs. Prices contain tax: the reduced rate on food, the standard rate on the delivery. Tax is rounded half
 * up **per line** and never again; the totals are sums of lines, so that a bill adds up whoever checks it. A voucher is
 * spread over the meals in proportion to their price, since it lowers the tax of each.
 */
export function priceOf(box: Box): Price {
  const mealsGross = box.meals.map((meal) => box.plan.people * (pricePerServing(box.plan) + meal.surchargeCents))
  const mealsCents = sum(mealsGross)
  const reduction = box.voucher === undefined ? 0 : reductionOf(box.voucher, mealsCents)
  const reductions = allocate(reduction, mealsGross)
  const lines = box.meals.map((meal, i) =>
    lineOf(
      { kind: 'meal', recipeId: meal.id },
      box.plan.people,
      mealsGross[i] ?? 0,
      reductions[i] ?? 0,
      box.region.foodTax,
    ),
  )
  const isDeliveredFree = mealsCents - reduction >= FREE_DELIVERY_FROM_CENTS
  const delivery = (isDeliveredFree ? 0 : box.region.deliveryFeeCents) + box.slot.feeCents
  if (delivery > 0) lines.push(lineOf({ kind: 'delivery' }, 1, delivery, 0, box.region.standardTax))
  return {
    lines,
    grossCents: sum(lines.map((line) => line.grossCents)),
    reductionCents: sum(lines.map((line) => line.reductionCents)),
    totalCents: sum(lines.map((line) => line.totalCents)),
    taxCents: sum(lines.map((line) => line.taxCents)),
  }
}

function lineOf(
  item: PriceLine['item'],
  quantity: number,
  grossCents: Cents,
  reductionCents: Cents,
  taxRate: BasisPoints,
): PriceLine {
  const totalCents = grossCents - reductionCents
  const taxCents = taxWithin(totalCents, taxRate)
  return { item, quantity, unitCents: grossCents / quantity, grossCents, reductionCents, totalCents, taxRate, taxCents }
}

function sum(amounts: readonly Cents[]): Cents {
  let total = 0
  for (const amount of amounts) total += amount
  return total
}
