import { defineSystem, shape } from 'tenfold'
import type { CatalogTables, OrderTables } from './data/tables.ts'
import { dinner } from './load.ts'

/** ByteBites after the first step: several instances behind the gateway, recommendations in a service of their own. */
const system = defineSystem({
  name: 'bytebites',
  databases: {
    catalog: {
      tables: shape<CatalogTables>(),
      migrations: './migrations/catalog',
      seed: './data/catalog-seed.ts',
    },
    orders: {
      tables: shape<OrderTables>(),
      migrations: './migrations/orders',
      seed: './data/orders-seed.ts',
    },
  },
  services: {
    api: {
      entry: './services/api.ts',
      routes: ['/'],
      databases: ['catalog', 'orders'],
      calls: ['recommender'],
      instances: { min: 3 },
      health: '/health',
    },
    recommender: {
      entry: './services/recommender.ts',
      databases: ['catalog', 'orders'],
      instances: { min: 2 },
      health: '/health',
    },
  },
  objectives: { api: { availability: 0.999, latency: { p95: '200ms' } } },
  load: { peak: '20 sessions/s', scenarios: [dinner] },
})

export default system
export type System = typeof system
