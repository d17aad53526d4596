import { bind } from 'tenfold/service'
import type { System } from '../3-shards.config.ts'
import { remoteRecommender } from './remote-recommender.ts'
import { createServer, serve } from './server.ts'
import { catalogStore } from './stores/catalog-store.ts'
import { loginStore } from './stores/login-store.ts'
import { orderStore } from './stores/order-store.ts'
import { slotsElsewhere } from './stores/slot-store.ts'
import { subscriberStore } from './stores/subscriber-store.ts'
import { storefrontRoutes } from './storefront.ts'

const { databases, services, publishes } = await bind<System, 'api'>()
const { catalog, orders } = databases
const app = createServer()
storefrontRoutes(app, {
  catalog: catalogStore(catalog),
  orders: orderStore(
    (userId) => orders.shard(userId),
    slotsElsewhere(catalog),
    (event, transaction) => publishes.order_placed.publish(event, { transaction }),
  ),
  subscribers: subscriberStore((userId) => orders.shard(userId), loginStore(catalog)),
  recommend: remoteRecommender(services.recommender),
  now: () => Date.now(),
})
await serve(app)
