import { bind } from 'tenfold/service'
import type { System } from '../3-shards.config.ts'
import { countPairs } from '../domain/order-placed.ts'
import { recommender } from './recommendations.ts'
import { internalRecommendationRoutes } from './routes/recommendation-routes.ts'
import { createServer, serve } from './server.ts'
import { catalogStore } from './stores/catalog-store.ts'
import { orderHistory } from './stores/order-store.ts'
import { addPairs } from './stores/pair-store.ts'
import { subscriberStore } from './stores/subscriber-store.ts'

const { databases, consumes } = await bind<System, 'recommender'>()
const { catalog, orders } = databases
const app = createServer()
internalRecommendationRoutes(app, {
  recommend: recommender({
    catalog: catalogStore(catalog),
    orders: orderHistory((userId) => orders.shard(userId)),
    subscribers: subscriberStore((userId) => orders.shard(userId)),
  }),
})
await serve(app)
// The events come from all shards, through an outbox in each of them.
await consumes.order_placed.batch(
  async (events, { transaction }) => addPairs(transaction.db, countPairs(events.map(({ value }) => value))),
  { effects: catalog },
)
