import { ALLERGENS, type Allergen } from '../domain/allergen.ts'
import { DELIVERY_SLOTS } from '../domain/delivery-slot.ts'
import { DIETS, type Diet, eats } from '../domain/diet.ts'
import { MENU_CYCLE_WEEKS, menuNumber, menuOf } from '../domain/menu.ts'
import { type Price, priceOf } from '../domain/price.ts'
import type { TasteRecipe } from '../domain/recipe.ts'
import { REGIONS } from '../domain/region.ts'
import { similarity } from '../domain/taste.ts'
import { voucherOf } from '../domain/voucher.ts'
import type { Week } from '../domain/week.ts'
import { dayStarts } from './day-starts.ts'
import { type Dice, dice } from './dice.ts'
import { drawOrderDay, drawOrderHour, LAST_DELIVERY_WEEK } from './story.ts'
import { ARCHETYPES, type SeededSubscriber } from './subscribers.ts'

/** A made-up order of the past. */
export interface SeededOrder {
  readonly subscriber: SeededSubscriber
  readonly orderNumber: number
  readonly placedAtMs: number
  readonly week: Week
  readonly slot: string
  readonly voucher: string | null
  readonly price: Price
  readonly rating: { readonly recipeId: number; readonly stars: number } | undefined
}

/** How far down the ranking of what they like people go, on average. */
const PICK_DEPTH = 9
const RATED_SHARE = 0.22
const WELCOME_SHARE = 0.6
/** A week can be ordered from the Thursday after the cut-off of the one before. */
const THURSDAY = 3

/** The orders of some subscribers, by subscriber and time; the same ones on every call. */
export function* orderHistory(
  subscribers: Iterable<SeededSubscriber>,
  recipes: readonly TasteRecipe[],
): Generator<SeededOrder> {
  const chance = dice(13)
  const rankings = rankedMenus(recipes)
  const days = dayStarts()
  const welcome = voucherOf('WELCOME40')
  for (const subscriber of subscribers) {
    const region = REGIONS[subscriber.region]
    const rated = new Set<number>()
    let orderNumber = 0
    for (let week = subscriber.firstWeek; week <= LAST_DELIVERY_WEEK; week++) {
      const isFirst = orderNumber === 0
      if (!isFirst && chance.next() > subscriber.loyalty) continue
      orderNumber++
      const meals = chooseMeals(rankings(subscriber, week), subscriber, chance)
      const slot = chance.pick(DELIVERY_SLOTS)
      const voucher = isFirst && chance.next() < WELCOME_SHARE ? welcome : undefined
      yield {
        subscriber,
        orderNumber,
        placedAtMs: days(week - 2, region, THURSDAY + drawOrderDay(chance)) + timeOfDayMs(chance),
        week,
        slot: slot.code,
        voucher: voucher?.code ?? null,
        price: priceOf({ plan: subscriber, meals, region, slot, voucher }),
        rating: chance.next() < RATED_SHARE ? ratingOf(subscriber, meals, rated, chance) : undefined,
      }
    }
  }
}

interface RankedRecipe extends TasteRecipe {
  /** A bit for each of {@link ALLERGENS}. */
  readonly allergenBits: number
}

function chooseMeals(ranked: readonly RankedRecipe[], subscriber: SeededSubscriber, chance: Dice): RankedRecipe[] {
  const forbidden = bitsOf(subscriber.allergens)
  const chosen: RankedRecipe[] = []
  let at = Math.floor(chance.exponential(PICK_DEPTH))
  for (let tries = 0; chosen.length < subscriber.meals && tries < 400; tries++) {
    const recipe = ranked[at % ranked.length] as RankedRecipe
    if ((recipe.allergenBits & forbidden) === 0 && !chosen.includes(recipe)) {
      chosen.push(recipe)
      at = Math.floor(chance.exponential(PICK_DEPTH))
    } else {
      at++
    }
  }
  return chosen
}

/** Each menu of the cycle as each taste ranks it, for each diet: made when first asked for, at most 26 × 24 × 4. */
function rankedMenus(recipes: readonly TasteRecipe[]) {
  const byId = new Map(recipes.map((recipe) => [recipe.id, { ...recipe, allergenBits: bitsOf(recipe.allergens) }]))
  const menus = Array.from({ length: MENU_CYCLE_WEEKS }, (_, menu) => menuOf(menu, recipes))
  const kept: RankedRecipe[][] = []
  return (subscriber: SeededSubscriber, week: Week): readonly RankedRecipe[] => {
    const menu = menuNumber(week)
    const index = (subscriber.archetype * MENU_CYCLE_WEEKS + menu) * DIETS.length + DIETS.indexOf(subscriber.diet)
    return (kept[index] ??= ranked(menus[menu] ?? [], byId, subscriber.diet, ARCHETYPES[subscriber.archetype] ?? []))
  }
}

function ranked(
  ids: readonly number[],
  byId: ReadonlyMap<number, RankedRecipe>,
  diet: Diet,
  taste: readonly number[],
): RankedRecipe[] {
  return ids
    .map((id) => byId.get(id))
    .filter((recipe) => recipe !== undefined)
    .filter((recipe) => eats(diet, recipe.diet))
    .sort((a, b) => similarity(taste, b.taste) - similarity(taste, a.taste) || a.id - b.id)
}

function ratingOf(subscriber: SeededSubscriber, meals: readonly TasteRecipe[], rated: Set<number>, chance: Dice) {
  const recipe = chance.pick(meals)
  if (rated.has(recipe.id)) return undefined
  rated.add(recipe.id)
  const opinion = 3.4 + 1.6 * similarity(subscriber.taste, recipe.taste) + 1.6 * (chance.next() - 0.5)
  return { recipeId: recipe.id, stars: Math.min(5, Math.max(1, Math.round(opinion))) }
}

function timeOfDayMs(chance: Dice): number {
  return (drawOrderHour(chance) * 3600 + chance.integer(3600)) * 1000
}

function bitsOf(allergens: readonly Allergen[]): number {
  let bits = 0
  for (const allergen of allergens) bits |= 1 << ALLERGENS.indexOf(allergen)
  return bits
}
