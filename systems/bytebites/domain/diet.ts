/** From the strictest to the freest: each eats what those before it eat, and more. */
export const DIETS = ['vegan', 'vegetarian', 'pescatarian', 'omnivore'] as const

export type Diet = (typeof DIETS)[number]

/** Whether somebody on `diet` eats a meal made for `meal`: a vegetarian eats vegan meals, not the other way round. */
export function eats(diet: Diet, meal: Diet): boolean {
  return DIETS.indexOf(meal) <= DIETS.indexOf(diet)
}

/** The strictest diet that allows every one of the given: a meal is as strict as its freest ingredient. */
export function freestOf(diets: Iterable<Diet>): Diet {
  let freest = 0
  for (const diet of diets) freest = Math.max(freest, DIETS.indexOf(diet))
  return DIETS[freest] ?? 'omnivore'
}
