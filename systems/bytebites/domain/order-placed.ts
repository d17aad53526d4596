/** The event of an order that was placed. */
export interface OrderPlaced {
  readonly user_id: number
  readonly order_number: number
  readonly recipe_ids: readonly number[]
}

/** How often two recipes were ordered together. */
export interface PairCount {
  readonly recipeId: number
  readonly otherId: number
  readonly times: number
}

/**
 * Counts which recipes were in one box, in both directions.
 *
 * @returns ordered by both recipes: whoever adds counts in this order never waits for another in a circle
 */
export function countPairs(orders: readonly Pick<OrderPlaced, 'recipe_ids'>[]): PairCount[] {
  const counts = new Map<string, PairCount>()
  for (const { recipe_ids: recipeIds } of orders) {
    const box = [...new Set(recipeIds)]
    for (const recipeId of box) {
      for (const otherId of box) {
        if (otherId === recipeId) continue
        const key = `${recipeId} ${otherId}`
        counts.set(key, { recipeId, otherId, times: (counts.get(key)?.times ?? 0) + 1 })
      }
    }
  }
  return [...counts.values()].toSorted((a, b) => a.recipeId - b.recipeId || a.otherId - b.otherId)
}
