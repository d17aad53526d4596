import type { Kysely } from 'kysely'
import type { CatalogTables } from '../../data/tables.ts'
import type { Recipe, TasteRecipe } from '../../domain/recipe.ts'
import type { Taste } from '../../domain/taste.ts'

/** A recipe with what is in it. */
export interface RecipeDetails extends Recipe {
  readonly proteinGrams: number
  readonly ingredients: readonly { readonly name: string; readonly grams: number }[]
  /** What was most often in one box with it. */
  readonly orderedTogether: readonly { readonly id: number; readonly name: string }[]
}

/** A database that can be read, whichever of its nodes answers; a second behind is early enough for a menu. */
export interface ReadableDatabase<Tables> {
  read(): { readonly db: Pick<Kysely<Tables>, 'selectFrom'> }
}

/** Reads of the catalogue. Each call asks the database: what to keep, and for how long, is decided elsewhere. */
export interface CatalogStore {
  /** The recipes of a menu of the cycle, in its order. */
  menu(menuNumber: number): Promise<Recipe[]>
  /** Those of some recipes that stand on a menu. */
  onMenu(menuNumber: number, recipeIds: readonly number[]): Promise<Recipe[]>
  /** The same, with their tastes. */
  tasteMenu(menuNumber: number): Promise<TasteRecipe[]>
  /** The tastes of some recipes, by id; unknown ones are left out. */
  tastes(recipeIds: readonly number[]): Promise<ReadonlyMap<number, Taste>>
  recipe(id: number): Promise<RecipeDetails | undefined>
}

const TOGETHER = 3

const RECIPE_COLUMNS = [
  'recipe.recipe_id as id',
  'recipe.name',
  'recipe.cuisine',
  'recipe.diet',
  'recipe.allergens',
  'recipe.minutes',
  'recipe.kcal',
  'recipe.surcharge_cents as surchargeCents',
] as const

/** The catalogue in PostgreSQL. */
export function catalogStore(database: ReadableDatabase<CatalogTables>): CatalogStore {
  const menuQuery = (menuNumber: number) =>
    database
      .read()
      .db.selectFrom('menu')
      .innerJoin('recipe', 'recipe.recipe_id', 'menu.recipe_id')
      .where('menu.menu_number', '=', menuNumber)
      .orderBy('menu.position')
      .select(RECIPE_COLUMNS)
  return {
    menu: (menuNumber) => menuQuery(menuNumber).execute(),
    onMenu: (menuNumber, recipeIds) => menuQuery(menuNumber).where('menu.recipe_id', 'in', recipeIds).execute(),
    tasteMenu: (menuNumber) => menuQuery(menuNumber).select('recipe.taste').execute(),
    async tastes(recipeIds) {
      if (recipeIds.length === 0) return new Map()
      const rows = await database
        .read()
        .db.selectFrom('recipe')
        .where('recipe_id', 'in', recipeIds)
        .select(['recipe_id', 'taste'])
        .execute()
      return new Map(rows.map((row) => [row.recipe_id, row.taste]))
    },
    async recipe(id) {
      const { db } = database.read()
      const recipe = await db
        .selectFrom('recipe')
        .where('recipe_id', '=', id)
        .select([...RECIPE_COLUMNS, 'protein_grams as proteinGrams'])
        .executeTakeFirst()
      if (recipe === undefined) return undefined
      const ingredients = await db
        .selectFrom('recipe_ingredient as part')
        .innerJoin('ingredient', 'ingredient.ingredient_id', 'part.ingredient_id')
        .where('part.recipe_id', '=', id)
        .orderBy('part.grams_per_serving', 'desc')
        .select(['ingredient.name', 'part.grams_per_serving as grams'])
        .execute()
      const orderedTogether = await db
        .selectFrom('ordered_together as pair')
        .innerJoin('recipe as other', 'other.recipe_id', 'pair.other_id')
        .where('pair.recipe_id', '=', id)
        .orderBy('pair.times', 'desc')
        .orderBy('other.recipe_id')
        .limit(TOGETHER)
        .select(['other.recipe_id as id', 'other.name'])
        .execute()
      return { ...recipe, ingredients, orderedTogether }
    },
  }
}
