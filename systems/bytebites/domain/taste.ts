/** What a taste vector measures, in the order of its numbers. */
export const FLAVOURS = [
  'spicy',
  'sweet',
  'sour',
  'salty',
  'umami',
  'bitter',
  'creamy',
  'crunchy',
  'fresh',
  'smoky',
  'hearty',
  'mild',
  'herby',
  'garlicky',
  'citrusy',
  'nutty',
] as const

export type Flavour = (typeof FLAVOURS)[number]

/**
 * How strongly each flavour marks a recipe, or how much a subscriber likes it (below 0: dislikes it): one number for
 * each of {@link FLAVOURS}, of length 1 as a vector.
 */
export type Taste = readonly number[]

/** The vector scaled to length 1; a vector of zeros stays as it is. */
export function normalised(vector: readonly number[]): number[] {
  const length = Math.sqrt(dot(vector, vector))
  return length === 0 ? vector.slice() : vector.map((value) => value / length)
}

/** How alike two tastes are: the cosine of the angle between them, −1 to 1. */
export function similarity(a: Taste, b: Taste): number {
  return dot(a, b)
}

/** A meal eaten, with what its eater thought of it. */
export interface TastedMeal {
  readonly taste: Taste
  /** The delivery week. */
  readonly week: number
  /** 1 to 5; undefined if it was not rated. */
  readonly stars: number | undefined
}

/** Weeks after which a meal says half as much about a subscriber's taste. */
export const TASTE_HALF_LIFE_WEEKS = 8
/** How much one meal moves the stated taste, in stars away from indifference. */
const MEAL_WEIGHT = 0.08
/** Ordering a meal says a little for it; three stars say nothing either way. */
const UNRATED_STARS = 3.5
const INDIFFERENT_STARS = 3

/**
 * A subscriber's taste today: what was stated at sign-up, moved towards the meals that were liked and away from those
 * that were not. A meal counts half as much every {@link TASTE_HALF_LIFE_WEEKS}, counted from the newest meal and not
 * from today, so that whoever pauses finds the taste they left.
 */
export function learnedTaste(stated: Taste, meals: readonly TastedMeal[]): number[] {
  const newest = meals.reduce((week, meal) => Math.max(week, meal.week), Number.NEGATIVE_INFINITY)
  const learned = stated.slice()
  for (const meal of meals) {
    const recency = 2 ** ((meal.week - newest) / TASTE_HALF_LIFE_WEEKS)
    const weight = MEAL_WEIGHT * recency * ((meal.stars ?? UNRATED_STARS) - INDIFFERENT_STARS)
    for (let i = 0; i < learned.length; i++) learned[i] = (learned[i] ?? 0) + weight * (meal.taste[i] ?? 0)
  }
  return normalised(learned)
}

/** The flavours that a subscriber likes and a meal has, the strongest first, at most `count`. */
export function sharedFlavours(subscriber: Taste, meal: Taste, count: number): Flavour[] {
  const strengths = FLAVOURS.map((flavour, i) => ({ flavour, strength: strengthOf(subscriber[i], meal[i]) }))
  return strengths
    .filter(({ strength }) => strength > 0.02)
    .sort((a, b) => b.strength - a.strength)
    .slice(0, count)
    .map(({ flavour }) => flavour)
}

function strengthOf(liked = 0, present = 0): number {
  return liked > 0 && present > 0 ? liked * present : 0
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}
