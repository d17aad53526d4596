import type { SeedContext } from 'tenfold'
import { MENU_CYCLE_WEEKS, menuOf } from '../domain/menu.ts'
import { INGREDIENTS } from './ingredients.ts'
import { realArray, textArray } from './postgres-array.ts'
import { catalogRecipes } from './recipes.ts'

/** Fills the catalogue: ingredients, recipes and the menus of the whole cycle. */
export async function seed(context: SeedContext): Promise<void> {
  const recipes = catalogRecipes()
  const ingredientIds = new Map(INGREDIENTS.map((ingredient, index) => [ingredient, index + 1]))
  context.progress(`${recipes.length} recipes of ${INGREDIENTS.length} ingredients`)
  await context.copy(
    'ingredient',
    ['ingredient_id', 'name', 'diet', 'allergens', 'kcal_per_100g'],
    INGREDIENTS.map((ingredient, index) => [
      index + 1,
      ingredient.name,
      ingredient.diet,
      textArray(ingredient.allergens),
      ingredient.kcalPer100g,
    ]),
  )
  await context.copy(
    'recipe',
    [
      'recipe_id',
      'name',
      'cuisine',
      'diet',
      'allergens',
      'minutes',
      'kcal',
      'protein_grams',
      'surcharge_cents',
      'taste',
    ],
    recipes.map((recipe) => [
      recipe.id,
      recipe.name,
      recipe.cuisine,
      recipe.diet,
      textArray(recipe.allergens),
      recipe.minutes,
      recipe.kcal,
      recipe.proteinGrams,
      recipe.surchargeCents,
      realArray(recipe.taste),
    ]),
  )
  await context.copy(
    'recipe_ingredient',
    ['recipe_id', 'ingredient_id', 'grams_per_serving'],
    recipes.flatMap((recipe) =>
      recipe.ingredients.map((ingredient) => [recipe.id, ingredientIds.get(ingredient) ?? 0, ingredient.grams]),
    ),
  )
  const menus = Array.from({ length: MENU_CYCLE_WEEKS }, (_, menu) => menuOf(menu, recipes))
  await context.copy(
    'menu',
    ['menu_number', 'position', 'recipe_id'],
    menus.flatMap((ids, menu) => ids.map((id, position) => [menu, position, id])),
  )
  await context.execute(`
    select setval(pg_get_serial_sequence('ingredient', 'ingredient_id'), (select max(ingredient_id) from ingredient));
    select setval(pg_get_serial_sequence('recipe', 'recipe_id'), (select max(recipe_id) from recipe));
    analyze ingredient, recipe, recipe_ingredient, menu;`)
}
