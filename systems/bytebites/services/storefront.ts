import type { FastifyInstance } from 'fastify'
import type { RecommendFor } from './recommendations.ts'
import { menuRoutes } from './routes/menu-routes.ts'
import { orderRoutes } from './routes/order-routes.ts'
import { recommendationRoutes } from './routes/recommendation-routes.ts'
import { sessionRoutes } from './routes/session-routes.ts'
import type { CatalogStore } from './stores/catalog-store.ts'
import type { OrderStore } from './stores/order-store.ts'
import type { SubscriberStore } from './stores/subscriber-store.ts'

/** What the public side of ByteBites stands on. */
export interface Storefront {
  readonly catalog: CatalogStore
  readonly orders: OrderStore
  readonly subscribers: SubscriberStore
  readonly recommend: RecommendFor
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

/** Every public route: the same ones in the monolith and in the later system. */
export function storefrontRoutes(app: FastifyInstance, storefront: Storefront): void {
  sessionRoutes(app, storefront)
  menuRoutes(app, storefront)
  recommendationRoutes(app, storefront)
  orderRoutes(app, storefront)
}
