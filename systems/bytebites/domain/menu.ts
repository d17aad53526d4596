import { type Diet, DIETS } from './diet.ts'
import type { Week } from './week.ts'

/** Menus repeat after this many weeks: half a year. */
export const MENU_CYCLE_WEEKS = 26

/** How many recipes of each diet a menu offers, so that everybody finds enough. */
export const MENU_PLACES: Readonly<Record<Diet, number>> = { vegan: 42, vegetarian: 28, pescatarian: 20, omnivore: 40 }

/** Which menu of the cycle a week has: a rule, so there is a menu for any week, however far away. */
export function menuNumber(week: Week): number {
  return ((week % MENU_CYCLE_WEEKS) + MENU_CYCLE_WEEKS) % MENU_CYCLE_WEEKS
}

/**
 * The recipes of one menu of the cycle, the same on every call. Each diet has its places; its recipes take turns by
 * moving on by as many places each week, so that a recipe comes back as late as the catalogue allows. Recipes that avoid
 * gluten, milk and soy stand apart in the queue, because those who need them need some every week.
 *
 * @returns ids, the strictest diet first
 */
export function menuOf(
  menu: number,
  recipes: readonly { readonly id: number; readonly diet: Diet; readonly allergens: readonly string[] }[],
): number[] {
  const chosen: number[] = []
  for (const diet of DIETS) {
    const gentle = recipes.filter((recipe) => recipe.diet === diet && isGentle(recipe.allergens))
    const others = recipes.filter((recipe) => recipe.diet === diet && !isGentle(recipe.allergens))
    const places = MENU_PLACES[diet]
    const gentlePlaces = Math.min(gentle.length, Math.ceil(places / 2))
    chosen.push(...turn(gentle, menu, gentlePlaces), ...turn(others, menu, places - gentlePlaces))
  }
  return chosen
}

function isGentle(allergens: readonly string[]): boolean {
  return !allergens.includes('gluten') && !allergens.includes('milk') && !allergens.includes('soy')
}

/** The next `places` of a queue that moves on by as many every week; all of a queue that is shorter. */
function turn(queue: readonly { readonly id: number }[], menu: number, places: number): number[] {
  const count = Math.min(places, queue.length)
  return Array.from({ length: count }, (_, i) => queue[(menu * places + i) % queue.length]?.id ?? 0)
}
