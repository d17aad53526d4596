import type { Allergen } from '../domain/allergen.ts'
import type { Diet } from '../domain/diet.ts'
import type { MealsPerBox, PeoplePerMeal } from '../domain/plan.ts'
import type { RegionCode } from '../domain/region.ts'
import { FLAVOURS, normalised } from '../domain/taste.ts'
import type { Week } from '../domain/week.ts'
import { type Dice, dice, lottery } from './dice.ts'
import { madeUpName } from './names.ts'
import { firstWeekOf, SUBSCRIBERS } from './story.ts'

/** A made-up subscriber. */
export interface SeededSubscriber {
  readonly userId: number
  readonly email: string
  readonly name: string
  readonly diet: Diet
  readonly allergens: readonly Allergen[]
  readonly region: RegionCode
  readonly meals: MealsPerBox
  readonly people: PeoplePerMeal
  /** Which of {@link ARCHETYPES} they resemble. */
  readonly archetype: number
  readonly taste: readonly number[]
  readonly firstWeek: Week
  /** The chance that they order in a given week. */
  readonly loyalty: number
}

const ARCHETYPE_COUNT = 24

/** Tastes that people share; subscribers are variations of one. */
export const ARCHETYPES: readonly (readonly number[])[] = archetypes(dice(11))

/** E-mail addresses are numbered, so that a load generator can sign anybody in. */
function emailOf(userId: number): string {
  return `subscriber${userId}@example.com`
}

/** The subscribers, in the order in which they signed up. */
export function* seededSubscribers(count: number = SUBSCRIBERS): Generator<SeededSubscriber> {
  const chance = dice(12)
  for (let userId = 1; userId <= count; userId++) {
    const archetype = chance.integer(ARCHETYPE_COUNT)
    yield {
      userId,
      email: emailOf(userId),
      name: madeUpName(chance),
      diet: drawDiet(chance),
      allergens: allergensOf(chance),
      region: drawRegion(chance),
      meals: drawMeals(chance),
      people: chance.next() < 0.62 ? 2 : 4,
      archetype,
      taste: variationOf(ARCHETYPES[archetype] ?? [], chance),
      firstWeek: firstWeekOf(userId),
      loyalty: 0.55 + 0.35 * chance.next(),
    }
  }
}

const drawDiet = lottery<Diet>([
  ['omnivore', 66],
  ['vegetarian', 17],
  ['pescatarian', 9],
  ['vegan', 8],
])

const drawRegion = lottery<RegionCode>([
  ['de', 52],
  ['nl', 16],
  ['at', 13],
  ['pt', 10],
  ['ie', 9],
])

const drawMeals = lottery<MealsPerBox>([
  [2, 18],
  [3, 46],
  [4, 25],
  [5, 11],
])

const drawAllergen = lottery<Allergen>([
  ['milk', 26],
  ['gluten', 20],
  ['nuts', 16],
  ['peanuts', 10],
  ['crustaceans', 7],
  ['egg', 6],
  ['soy', 5],
  ['sesame', 3],
  ['fish', 3],
  ['celery', 2],
  ['mustard', 1],
  ['molluscs', 1],
])

/** Four in five have none, some have one, few have two. */
function allergensOf(chance: Dice): Allergen[] {
  const luck = chance.next()
  if (luck < 0.8) return []
  const first = drawAllergen(chance)
  if (luck < 0.96) return [first]
  const second = drawAllergen(chance)
  return second === first ? [first] : [first, second].sort()
}

function archetypes(chance: Dice): number[][] {
  return Array.from({ length: ARCHETYPE_COUNT }, () => normalised(FLAVOURS.map(() => around(chance))))
}

function variationOf(archetype: readonly number[], chance: Dice): number[] {
  return normalised(archetype.map((value) => value + 0.17 * around(chance))).map((value) => round(value))
}

/** Roughly normal, mean 0, deviation 1: a sum of three uniforms. */
function around(chance: Dice): number {
  return 2 * (chance.next() + chance.next() + chance.next() - 1.5)
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
