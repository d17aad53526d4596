import { menuNumber } from '../domain/menu.ts'
import { recommend } from '../domain/recommend.ts'
import type { Week } from '../domain/week.ts'
import type { CatalogStore } from './stores/catalog-store.ts'
import type { OrderHistory } from './stores/order-store.ts'
import type { SubscriberStore } from './stores/subscriber-store.ts'

/** What is recommended to a subscriber for a week. */
export interface Recommendations {
  readonly week: Week
  readonly picks: readonly {
    readonly recipeId: number
    readonly name: string
    readonly score: number
    readonly because: readonly string[]
  }[]
  /** The best picks, as many as the subscriber's plan has meals: ready to be ordered. */
  readonly box: readonly number[]
}

/**
 * Recommends; undefined if there is no such subscriber. In the same process, or over the network: then the headers go
 * with the call, and tie it to the request that it is made for.
 */
export type RecommendFor = (
  userId: number,
  week: Week,
  headers: Readonly<Record<string, string>>,
) => Promise<Recommendations | undefined>

const PICKS = 20
/** Older orders say little, and a loyal subscriber must not cost more every week. */
const ORDERS_REMEMBERED = 20

/** Recommends by reading what the recommender needs, every time, and ranking it here. */
export function recommender(stores: {
  readonly catalog: CatalogStore
  readonly orders: OrderHistory
  readonly subscribers: SubscriberStore
}): RecommendFor {
  const { catalog, orders, subscribers } = stores
  return async (userId, week) => {
    const [eater, meals, menu] = await Promise.all([
      subscribers.find(userId),
      orders.history(userId, ORDERS_REMEMBERED),
      catalog.tasteMenu(menuNumber(week)),
    ])
    if (eater === undefined) return undefined
    const tastes = await catalog.tastes([...new Set(meals.map((meal) => meal.recipeId))])
    const eaten = meals.flatMap((meal) => {
      const taste = tastes.get(meal.recipeId)
      return taste === undefined ? [] : [{ ...meal, taste, stars: meal.stars ?? undefined }]
    })
    const picks = recommend({ eater, eaten, menu, week, count: PICKS })
    return {
      week,
      picks: picks.map(({ recipe, score, because }) => ({ recipeId: recipe.id, name: recipe.name, score, because })),
      box: picks.slice(0, eater.meals).map(({ recipe }) => recipe.id),
    }
  }
}
