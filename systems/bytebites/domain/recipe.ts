import type { Allergen } from './allergen.ts'
import type { Diet } from './diet.ts'
import type { Cents } from './money.ts'
import type { Taste } from './taste.ts'

/** A recipe as the menu shows it. */
export interface Recipe {
  readonly id: number
  readonly name: string
  readonly cuisine: string
  /** The strictest diet that eats it. */
  readonly diet: Diet
  readonly allergens: readonly Allergen[]
  /** Minutes from the opened box to the table. */
  readonly minutes: number
  /** Energy of one serving. */
  readonly kcal: number
  /** What one serving costs on top of the plan's price: 0 for most. */
  readonly surchargeCents: Cents
}

/** A recipe with what the recommender needs to know about it. */
export interface TasteRecipe extends Recipe {
  readonly taste: Taste
}
