/** The fourteen allergens that European law wants named on food. */
export const ALLERGENS = [
  'celery',
  'crustaceans',
  'egg',
  'fish',
  'gluten',
  'lupin',
  'milk',
  'molluscs',
  'mustard',
  'nuts',
  'peanuts',
  'sesame',
  'soy',
  'sulphites',
] as const

export type Allergen = (typeof ALLERGENS)[number]

/** Those of a meal's allergens that a subscriber must not eat; empty if the meal is safe. */
export function conflictingAllergens(meal: readonly Allergen[], subscriber: readonly Allergen[]): Allergen[] {
  return meal.filter((allergen) => subscriber.includes(allergen))
}

/** Whether nothing in the meal harms the subscriber. Recommending and ordering both stand behind this one test. */
export function isSafe(meal: readonly Allergen[], subscriber: readonly Allergen[]): boolean {
  for (const allergen of subscriber) if (meal.includes(allergen)) return false
  return true
}
