import type { Cents } from './money.ts'

export const MEALS_PER_BOX = [2, 3, 4, 5] as const
export const PEOPLE_PER_MEAL = [2, 4] as const

export type MealsPerBox = (typeof MEALS_PER_BOX)[number]
export type PeoplePerMeal = (typeof PEOPLE_PER_MEAL)[number]

/** What a subscriber gets each week: so many meals for so many people. */
export interface Plan {
  readonly meals: MealsPerBox
  readonly people: PeoplePerMeal
}

/** The more servings in a box, the less one costs. Gross, in cents. */
const PRICE_PER_SERVING: Readonly<Record<PeoplePerMeal, Readonly<Record<MealsPerBox, Cents>>>> = {
  2: { 2: 1049, 3: 949, 4: 879, 5: 829 },
  4: { 2: 879, 3: 799, 4: 749, 5: 699 },
}

/** What one serving of a plan costs, tax contained. */
export function pricePerServing(plan: Plan): Cents {
  return PRICE_PER_SERVING[plan.people][plan.meals]
}

/** Narrows a number of meals to one that a box can have. */
export function isMealsPerBox(meals: number): meals is MealsPerBox {
  return (MEALS_PER_BOX as readonly number[]).includes(meals)
}
