import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { catalogRecipes } from '../../data/recipes.ts'
import { ALLERGENS } from '../../domain/allergen.ts'
import { DIETS, eats } from '../../domain/diet.ts'
import { menuOf } from '../../domain/menu.ts'
import type { TasteRecipe } from '../../domain/recipe.ts'
import { type EatenMeal, recommend, type RecommendOptions } from '../../domain/recommend.ts'
import { normalised, similarity } from '../../domain/taste.ts'

const recipes = catalogRecipes()
const byId = new Map(recipes.map((recipe) => [recipe.id, recipe]))
const menuAt = (number: number): TasteRecipe[] => menuOf(number, recipes).map((id) => byId.get(id)!)
const chilliFan = normalised(Array.from({ length: 16 }, (_, i) => (i === 0 ? 1 : 0.05)))

const ask = (changes: Partial<RecommendOptions> = {}): RecommendOptions => ({
  eater: { diet: 'omnivore', allergens: [], taste: chilliFan },
  eaten: [],
  menu: menuAt(0),
  week: 100,
  count: 12,
  ...changes,
})

const eatenLately = (recipe: TasteRecipe, changes: Partial<EatenMeal> = {}): EatenMeal => ({
  recipeId: recipe.id,
  taste: recipe.taste,
  week: 99,
  stars: undefined,
  ...changes,
})

const anyAsk: fc.Arbitrary<RecommendOptions> = fc
  .record({
    diet: fc.constantFrom(...DIETS),
    allergens: fc.uniqueArray(fc.constantFrom(...ALLERGENS), { maxLength: 4 }),
    taste: fc.array(fc.integer({ min: -10, max: 10 }), { minLength: 16, maxLength: 16 }),
    eaten: fc.array(fc.tuple(fc.integer({ min: 1, max: recipes.length }), fc.integer({ min: 60, max: 99 })), {
      maxLength: 30,
    }),
    menu: fc.integer({ min: 0, max: 25 }),
    count: fc.integer({ min: 0, max: 30 }),
  })
  .map(({ diet, allergens, taste, eaten, menu, count }) =>
    ask({
      eater: { diet, allergens, taste: normalised(taste) },
      eaten: eaten.map(([id, week]) => eatenLately(byId.get(id)!, { week, stars: undefined })),
      menu: menuAt(menu),
      count,
    }),
  )

describe('recommendations', () => {
  it('never hold an allergen of the eater, nor what the diet forbids', () => {
    fc.assert(
      fc.property(anyAsk, (options) => {
        for (const { recipe } of recommend(options)) {
          expect(recipe.allergens.filter((allergen) => options.eater.allergens.includes(allergen))).toEqual([])
          expect(eats(options.eater.diet, recipe.diet)).toBe(true)
          expect(options.menu).toContain(recipe)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('are as many as asked for while the menu has them, each once, each with a reason', () => {
    fc.assert(
      fc.property(anyAsk, (options) => {
        const { eater } = options
        const edible = options.menu.filter(
          (recipe) => eats(eater.diet, recipe.diet) && !recipe.allergens.some((one) => eater.allergens.includes(one)),
        )
        const picks = recommend(options)
        expect(picks).toHaveLength(Math.min(options.count, edible.length))
        expect(new Set(picks.map((pick) => pick.recipe.id)).size).toBe(picks.length)
        for (const pick of picks) expect(pick.because.length).toBeGreaterThan(0)
      }),
      { numRuns: 40 },
    )
  })

  it('are the same for the same input, in whatever order the menu and the history come', () => {
    fc.assert(
      fc.property(anyAsk, (options) => {
        const picks = recommend(options)
        expect(recommend(options)).toEqual(picks)
        const shuffled = recommend({ ...options, menu: options.menu.toReversed() })
        expect(shuffled.map((pick) => pick.recipe.id)).toEqual(picks.map((pick) => pick.recipe.id))
      }),
      { numRuns: 30 },
    )
  })

  it('begin with what is closest to the taste', () => {
    const [first] = recommend(ask())
    const closest = Math.max(...menuAt(0).map((recipe) => similarity(chilliFan, recipe.taste)))
    expect(similarity(chilliFan, first!.recipe.taste)).toBe(closest)
    expect(first!.because[0]).toContain('spicy')
    expect(first!.because).toContain('it is new to you')
  })

  it('put what was eaten last week further down, and forgive it with time', () => {
    const favourite = recommend(ask())[0]!.recipe
    const placeOf = (weeksAgo: number): number =>
      recommend(ask({ count: 130, eaten: [eatenLately(favourite, { week: 100 - weeksAgo, stars: 3 })] })).findIndex(
        (pick) => pick.recipe.id === favourite.id,
      )
    expect(placeOf(1)).toBeGreaterThan(10)
    expect(placeOf(40)).toBe(0)
  })

  it('say when a dish was eaten and how it was liked', () => {
    const favourite = recommend(ask())[0]!.recipe
    const [pick] = recommend(ask({ eaten: [eatenLately(favourite, { week: 60, stars: 5 })] }))
    expect(pick?.because).toEqual(expect.arrayContaining(['you gave it 5 stars', 'you had it last 40 weeks before']))
  })

  it('are more varied than the ranking by score alone', () => {
    const all = recommend(ask({ count: 130 }))
    const byScore = all.toSorted((a, b) => b.score - a.score).slice(0, 8)
    expect(averageLikeness(all.slice(0, 8))).toBeLessThan(averageLikeness(byScore))
  })
})

function averageLikeness(picks: readonly { recipe: TasteRecipe }[]): number {
  const pairs = picks.flatMap((a, i) => picks.slice(i + 1).map((b) => similarity(a.recipe.taste, b.recipe.taste)))
  return pairs.reduce((sum, value) => sum + value, 0) / pairs.length
}
