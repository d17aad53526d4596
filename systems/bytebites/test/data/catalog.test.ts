import { describe, expect, it } from 'vitest'
import { CUISINES } from '../../data/cuisines.ts'
import { INGREDIENTS, ingredientsByName } from '../../data/ingredients.ts'
import { catalogRecipes } from '../../data/recipes.ts'
import { similarity } from '../../domain/taste.ts'

const recipes = catalogRecipes()

describe('the catalogue', () => {
  it('has more than 300 recipes, each with a name of its own', () => {
    expect(recipes.length).toBeGreaterThanOrEqual(300)
    expect(new Set(recipes.map((recipe) => recipe.name)).size).toBe(recipes.length)
  })

  it('is made of ingredients that exist, and uses nearly all of them', () => {
    expect(ingredientsByName().size).toBe(INGREDIENTS.length)
    const used = new Set(recipes.flatMap((recipe) => recipe.ingredients.map((ingredient) => ingredient.name)))
    expect(used.size).toBeGreaterThan(INGREDIENTS.length * 0.9)
  })

  it('names every allergen of the ingredients, and no diet that an ingredient breaks', () => {
    for (const recipe of recipes) {
      for (const ingredient of recipe.ingredients)
        expect(recipe.allergens).toEqual(expect.arrayContaining([...ingredient.allergens]))
      if (recipe.diet === 'vegan')
        expect(recipe.ingredients.every((ingredient) => ingredient.diet === 'vegan')).toBe(true)
      if (recipe.diet === 'vegetarian')
        expect(recipe.ingredients.every((ingredient) => ingredient.diet.startsWith('veg'))).toBe(true)
    }
  })

  it('has meals of a size that people eat, and tastes of length 1', () => {
    for (const recipe of recipes) {
      expect(recipe.kcal).toBeGreaterThan(200)
      expect(recipe.kcal).toBeLessThan(1300)
      expect(similarity(recipe.taste, recipe.taste)).toBeCloseTo(1, 2)
    }
  })

  it('has no vegetable in a recipe twice', () => {
    expect(CUISINES.length).toBeGreaterThanOrEqual(12)
    for (const recipe of recipes) expect(new Set(recipe.ingredients).size).toBe(recipe.ingredients.length)
  })
})
