import { expect, test } from 'vitest'
import { countPairs } from '../../domain/order-placed.ts'

test('counts each pair of a box in both directions, in one order', () => {
  expect(countPairs([{ recipe_ids: [9, 2, 5] }, { recipe_ids: [2, 9] }])).toEqual([
    { recipeId: 2, otherId: 5, times: 1 },
    { recipeId: 2, otherId: 9, times: 2 },
    { recipeId: 5, otherId: 2, times: 1 },
    { recipeId: 5, otherId: 9, times: 1 },
    { recipeId: 9, otherId: 2, times: 2 },
    { recipeId: 9, otherId: 5, times: 1 },
  ])
})

test('a box with one recipe, or the same one twice, has no pair', () => {
  expect(countPairs([{ recipe_ids: [4] }, { recipe_ids: [4, 4] }, { recipe_ids: [] }])).toEqual([])
})
