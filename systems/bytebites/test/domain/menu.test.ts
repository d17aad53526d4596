import { describe, expect, it } from 'vitest'
import { catalogRecipes } from '../../data/recipes.ts'
import { ALLERGENS, isSafe } from '../../domain/allergen.ts'
import { DIETS, eats } from '../../domain/diet.ts'
import { MENU_CYCLE_WEEKS, MENU_PLACES, menuNumber, menuOf } from '../../domain/menu.ts'

const recipes = catalogRecipes()
const byId = new Map(recipes.map((recipe) => [recipe.id, recipe]))
const menus = Array.from({ length: MENU_CYCLE_WEEKS }, (_, menu) => menuOf(menu, recipes).map((id) => byId.get(id)!))

describe('menus', () => {
  it('offer each recipe at most once and fill the places of every diet', () => {
    for (const menu of menus) {
      expect(new Set(menu).size).toBe(menu.length)
      for (const diet of DIETS) {
        expect(menu.filter((recipe) => recipe.diet === diet)).toHaveLength(MENU_PLACES[diet])
      }
    }
  })

  it('bring back every recipe within the cycle', () => {
    expect(new Set(menus.flat()).size).toBe(recipes.length)
  })

  it('change from one week to the next', () => {
    for (const [number, menu] of menus.slice(1).entries()) {
      const before = menus[number] ?? []
      expect(menu.filter((recipe) => before.includes(recipe)).length).toBeLessThan(menu.length * 0.5)
    }
  })

  it('have three boxes full for every diet with any two allergens, every week', () => {
    let fewest = Number.POSITIVE_INFINITY
    for (const menu of menus) {
      for (const diet of DIETS) {
        const edible = menu.filter((recipe) => eats(diet, recipe.diet))
        for (const one of ALLERGENS) {
          for (const two of ALLERGENS) {
            fewest = Math.min(fewest, edible.filter((recipe) => isSafe(recipe.allergens, [one, two])).length)
          }
        }
      }
    }
    expect(fewest).toBeGreaterThanOrEqual(15)
  })

  it('exist for any week, past or far ahead', () => {
    for (const week of [-30, 0, 152, 40_000]) expect(menuOf(menuNumber(week), recipes)).toHaveLength(130)
    expect(menuNumber(-1)).toBe(MENU_CYCLE_WEEKS - 1)
  })
})
