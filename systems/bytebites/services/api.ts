import { bind } from 'tenfold/service'
import type { System } from '../tenfold.config.ts'
import { remoteRecommender } from './remote-recommender.ts'
import { createServer, serve } from './server.ts'
import { catalogStore } from './stores/catalog-store.ts'
import { orderStore } from './stores/order-store.ts'
import { slotsBeside } from './stores/slot-store.ts'
import { subscriberStore } from './stores/subscriber-store.ts'
import { storefrontRoutes } from './storefront.ts'

const { databases, services, publishes } = await bind<System, 'api'>()
const app = createServer()
storefrontRoutes(app, {
  catalog: catalogStore(databases.catalog),
  orders: orderStore(
    () => databases.orders,
    slotsBeside(databases.orders),
    (event, transaction) => publishes.order_placed.publish(event, { transaction }),
  ),
  subscribers: subscriberStore(() => databases.orders),
  recommend: remoteRecommender(services.recommender),
  now: () => Date.now(),
})
await serve(app)
