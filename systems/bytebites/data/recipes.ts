import { ALLERGENS, type Allergen } from '../domain/allergen.ts'
import { freestOf } from '../domain/diet.ts'
import type { TasteRecipe } from '../domain/recipe.ts'
import { FLAVOURS, normalised } from '../domain/taste.ts'
import { CUISINES } from './cuisines.ts'
import { type Ingredient, ingredientsByName } from './ingredients.ts'

/** A recipe of the catalogue with all that the database keeps of it. */
export interface CatalogRecipe extends TasteRecipe {
  readonly proteinGrams: number
  readonly ingredients: readonly Ingredient[]
}

/** Heroes that cost more than the plan's price covers, per serving. */
const SURCHARGES: Readonly<Record<string, number>> = { duck: 399, 'sea bass': 299, beef: 249, lamb: 249, salmon: 149 }

/**
 * The catalogue: every dish of every cuisine with each of its heroes, and one of the cuisine's vegetables in turn. Diet,
 * allergens, nutrition and taste follow from the ingredients, so that no recipe contradicts itself.
 */
export function catalogRecipes(): CatalogRecipe[] {
  const byName = ingredientsByName()
  const recipes: CatalogRecipe[] = []
  for (const cuisine of CUISINES) {
    let turn = 0
    for (const dish of cuisine.dishes) {
      for (const hero of dish.heroes) {
        const names = [hero, ...dish.base]
        const vegetable = nextVegetable(cuisine.vegetables, names, turn++)
        const ingredients = [...new Set([...names, vegetable])].map((name) => known(byName, name))
        const title = `${dish.name.replace('{hero}', titled(hero))} with ${titled(vegetable)}`
        recipes.push(recipeOf(recipes.length + 1, title, cuisine.name, dish.minutes, hero, ingredients))
      }
    }
  }
  return recipes
}

function recipeOf(
  id: number,
  name: string,
  cuisine: string,
  minutes: number,
  hero: string,
  ingredients: readonly Ingredient[],
): CatalogRecipe {
  return {
    id,
    name,
    cuisine,
    diet: freestOf(ingredients.map((ingredient) => ingredient.diet)),
    allergens: allergensOf(ingredients),
    minutes,
    kcal: sumOf(ingredients, (ingredient) => ingredient.kcalPer100g),
    proteinGrams: sumOf(ingredients, (ingredient) => ingredient.proteinPer100g),
    surchargeCents: SURCHARGES[hero] ?? 0,
    taste: tasteOf(ingredients),
    ingredients,
  }
}

function nextVegetable(vegetables: readonly string[], taken: readonly string[], turn: number): string {
  const free = vegetables.filter((vegetable) => !taken.includes(vegetable))
  return free[turn % free.length] ?? 'spinach'
}

function known(byName: ReadonlyMap<string, Ingredient>, name: string): Ingredient {
  const ingredient = byName.get(name)
  if (ingredient === undefined) throw new Error(`expected ${name} to be one of the ingredients, but it is not`)
  return ingredient
}

function allergensOf(ingredients: readonly Ingredient[]): Allergen[] {
  const present = new Set(ingredients.flatMap((ingredient) => ingredient.allergens))
  return ALLERGENS.filter((allergen) => present.has(allergen))
}

function sumOf(ingredients: readonly Ingredient[], per100g: (ingredient: Ingredient) => number): number {
  return Math.round(ingredients.reduce((sum, ingredient) => sum + (ingredient.grams * per100g(ingredient)) / 100, 0))
}

/** Flavours of the ingredients, less what the average dish has of each: what sets a recipe apart is what it tastes of. */
function tasteOf(ingredients: readonly Ingredient[]): number[] {
  const strength = FLAVOURS.map((flavour) =>
    ingredients.reduce((sum, ingredient) => sum + (ingredient.flavours[flavour] ?? 0), 0),
  )
  const mean = strength.reduce((sum, value) => sum + value, 0) / strength.length
  return normalised(strength.map((value) => value - mean / 2)).map((value) => Math.round(value * 10_000) / 10_000)
}

function titled(name: string): string {
  return name.replace(/(^|[ -])\w/g, (start) => start.toUpperCase())
}
