import { type Allergen, isSafe } from './allergen.ts'
import { type Diet, eats } from './diet.ts'
import type { TasteRecipe } from './recipe.ts'
import { learnedTaste, sharedFlavours, similarity, type Taste, type TastedMeal } from './taste.ts'
import type { Week } from './week.ts'

/** What the recommender knows of a subscriber. */
export interface Eater {
  readonly diet: Diet
  readonly allergens: readonly Allergen[]
  /** As stated at sign-up; what was eaten since is learned from the meals. */
  readonly taste: Taste
}

export interface EatenMeal extends TastedMeal {
  readonly recipeId: number
}

/** A recipe worth ordering, and why. */
export interface Pick {
  readonly recipe: TasteRecipe
  /** Higher is better; comparable within one answer only. */
  readonly score: number
  /** Reasons for people to read, at least one. */
  readonly because: readonly string[]
}

export interface RecommendOptions {
  readonly eater: Eater
  /** What was eaten before, in any order. */
  readonly eaten: readonly EatenMeal[]
  readonly menu: readonly TasteRecipe[]
  /** The week that is being planned. */
  readonly week: Week
  /** How many picks. */
  readonly count: number
}

/** Weights of the parts of a score. */
const AFFINITY = 1
const FATIGUE = 0.6
/** Of maximal marginal relevance (Carbonell and Goldstein, 1998): 1 is relevance alone, 0 is variety alone. */
const RELEVANCE = 0.7
/** Weeks after which the memory of a meal is half gone. */
const FATIGUE_HALF_LIFE_WEEKS = 3
/** Below this, two recipes do not remind anybody of each other. */
const RESEMBLANCE = 0.75

/**
 * Ranks a menu for one subscriber. Allergens and diet filter; taste, learned from what was eaten and rated, attracts; what
 * was eaten lately, or resembles it, repels; and each pick is weighed against those above it, so that the answer is a
 * varied one. The same input gives the same answer; recipes that score alike are ordered by id.
 *
 * @returns at most `count` picks, the best first; fewer only if the menu has no more that are safe
 */
export function recommend(options: RecommendOptions): Pick[] {
  const { eater, eaten, week } = options
  const taste = learnedTaste(eater.taste, eaten)
  const candidates = options.menu
    .filter((recipe) => isSafe(recipe.allergens, eater.allergens) && eats(eater.diet, recipe.diet))
    .map((recipe) => {
      const affinity = similarity(taste, recipe.taste)
      const fatigue = fatigueOf(recipe, eaten, week)
      return { recipe, fatigue, score: AFFINITY * affinity - FATIGUE * fatigue, likeness: 0 }
    })
    .sort((a, b) => b.score - a.score || a.recipe.id - b.recipe.id)
  return pickVaried(candidates, options.count).map((candidate, position) => ({
    recipe: candidate.recipe,
    score: candidate.score,
    because: reasonsFor(candidate, position, taste, eaten, week),
  }))
}

interface Candidate {
  readonly recipe: TasteRecipe
  readonly score: number
  readonly fatigue: number
  /** To the most alike of those picked so far. */
  likeness: number
}

/** Takes again and again the candidate that is best once its likeness to those already taken is held against it. */
function pickVaried(candidates: readonly Candidate[], count: number): Candidate[] {
  const left = candidates.slice()
  const picked: Candidate[] = []
  while (picked.length < count && left.length > 0) {
    let best = 0
    let bestValue = Number.NEGATIVE_INFINITY
    for (const [index, candidate] of left.entries()) {
      const value = RELEVANCE * candidate.score - (1 - RELEVANCE) * candidate.likeness
      if (value > bestValue) {
        best = index
        bestValue = value
      }
    }
    const [taken] = left.splice(best, 1)
    if (taken === undefined) break
    picked.push(taken)
    for (const candidate of left) {
      candidate.likeness = Math.max(candidate.likeness, resemblance(candidate.recipe, taken.recipe))
    }
  }
  return picked
}

/** 0 for what is new, towards 1 for what was on the table last week. */
function fatigueOf(recipe: TasteRecipe, eaten: readonly EatenMeal[], week: Week): number {
  let fatigue = 0
  for (const meal of eaten) {
    const closeness = meal.recipeId === recipe.id ? 1 : closenessOf(similarity(meal.taste, recipe.taste))
    const memory = 2 ** (-Math.max(0, week - meal.week - 1) / FATIGUE_HALF_LIFE_WEEKS)
    fatigue = Math.max(fatigue, closeness * memory)
  }
  return fatigue
}

function closenessOf(similar: number): number {
  return similar <= RESEMBLANCE ? 0 : (similar - RESEMBLANCE) / (1 - RESEMBLANCE) / 2
}

/** How much two recipes of one list are the same idea. */
function resemblance(a: TasteRecipe, b: TasteRecipe): number {
  return similarity(a.taste, b.taste) + (a.cuisine === b.cuisine ? 0.25 : 0)
}

function reasonsFor(
  candidate: Candidate,
  position: number,
  taste: Taste,
  eaten: readonly EatenMeal[],
  week: Week,
): string[] {
  const reasons: string[] = []
  const flavours = sharedFlavours(taste, candidate.recipe.taste, 2)
  if (flavours.length > 0) reasons.push(`you like ${flavours.join(' and ')} food`)
  const before = eaten.filter((meal) => meal.recipeId === candidate.recipe.id)
  const stars = before.reduce((best, meal) => Math.max(best, meal.stars ?? 0), 0)
  const last = before.reduce((latest, meal) => Math.max(latest, meal.week), Number.NEGATIVE_INFINITY)
  if (stars >= 4) reasons.push(`you gave it ${stars} stars`)
  if (before.length > 0 && week > last) reasons.push(`you had it last ${weeksAgo(week - last)}`)
  if (before.length === 0) reasons.push('it is new to you')
  if (position > 0 && candidate.likeness < 0.5) reasons.push('it is unlike the others')
  return reasons
}

function weeksAgo(weeks: number): string {
  return weeks === 1 ? 'a week before' : `${weeks} weeks before`
}
