import { bind } from 'tenfold/service'
import type { System } from '../tenfold.config.ts'
import { countPairs } from '../domain/order-placed.ts'
import { recommender } from './recommendations.ts'
import { internalRecommendationRoutes } from './routes/recommendation-routes.ts'
import { createServer, serve } from './server.ts'
import { catalogStore } from './stores/catalog-store.ts'
import { orderHistory } from './stores/order-store.ts'
import { addPairs } from './stores/pair-store.ts'
import { subscriberStore } from './stores/subscriber-store.ts'

const { databases, consumes } = await bind<System, 'recommender'>()
const app = createServer()
internalRecommendationRoutes(app, {
  recommend: recommender({
    catalog: catalogStore(databases.catalog),
    orders: orderHistory(() => databases.orders),
    subscribers: subscriberStore(() => databases.orders),
  }),
})
await serve(app)
// Across two databases, and once for each order: the event comes from that of the orders, the counts go to the catalogue.
await consumes.order_placed.batch(
  async (events, { transaction }) => addPairs(transaction.db, countPairs(events.map(({ value }) => value))),
  { effects: databases.catalog },
)
