import { bind } from 'tenfold/service'
import type { System } from '../before.config.ts'
import type { CatalogTables, OrderTables } from '../data/tables.ts'
import { recommender } from './recommendations.ts'
import { createServer, serve } from './server.ts'
import { catalogStore } from './stores/catalog-store.ts'
import { orderStore } from './stores/order-store.ts'
import { slotsBeside } from './stores/slot-store.ts'
import type { SqlDatabase } from './stores/sql-database.ts'
import { subscriberStore } from './stores/subscriber-store.ts'
import { storefrontRoutes } from './storefront.ts'

const { main } = (await bind<System, 'monolith'>()).databases
const catalog = catalogStore({ read: () => ({ db: main.db.$pickTables<keyof CatalogTables>() }) })
const orderTables: SqlDatabase<OrderTables> = {
  db: main.db.$pickTables<keyof OrderTables>(),
  transaction: (work) => main.transaction(({ db }) => work({ db: db.$pickTables<keyof OrderTables>() })),
}
const orders = orderStore(() => orderTables, slotsBeside(orderTables))
const subscribers = subscriberStore(() => orderTables)

const app = createServer()
storefrontRoutes(app, {
  catalog,
  orders,
  subscribers,
  // In the same process and within the request: what an order waits for, when many want recommendations.
  recommend: recommender({ catalog, orders, subscribers }),
  now: () => Date.now(),
})
await serve(app)
