import { bind } from 'tenfold/service'
import type { System } from '../tenfold.config.ts'
import { recommender } from './recommendations.ts'
import { internalRecommendationRoutes } from './routes/recommendation-routes.ts'
import { createServer, serve } from './server.ts'
import { catalogStore } from './stores/catalog-store.ts'
import { orderStore } from './stores/order-store.ts'
import { subscriberStore } from './stores/subscriber-store.ts'

const { databases } = await bind<System, 'recommender'>()
const app = createServer()
internalRecommendationRoutes(app, {
  recommend: recommender({
    catalog: catalogStore(databases.catalog),
    orders: orderStore(databases.orders),
    subscribers: subscriberStore(databases.orders),
  }),
})
await serve(app)
