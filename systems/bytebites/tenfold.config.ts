import { defineSystem, shape } from 'tenfold'
import type { CatalogTables, OrderTables } from './data/tables.ts'
import type { OrderPlaced } from './domain/order-placed.ts'
import { dinnerRush } from './load.ts'

const ZONES = ['a', 'b']

/**
 * ByteBites after the first step: several instances behind the gateway, recommendations in a service of their own. The
 * limits make small machines of the instances, so that a fleet of them fits on two cores: 1.55 in all.
 */
const system = defineSystem({
  name: 'bytebites',
  databases: {
    catalog: {
      tables: shape<CatalogTables>(),
      migrations: './migrations/catalog',
      seed: './data/catalog-seed.ts',
      replicas: 2,
      zones: ZONES,
      resources: { cpu: 0.2 },
    },
    orders: {
      tables: shape<OrderTables>(),
      migrations: './migrations/orders',
      seed: './data/orders-seed.ts',
      standby: 'synchronous',
      zones: ZONES,
      backup: { to: './backups' },
      recovery: { time: '15m', loss: '0s' },
      resources: { cpu: 0.35 },
    },
  },
  topics: {
    order_placed: { event: shape<OrderPlaced>(), key: 'user_id', partitions: 4, database: 'orders' },
  },
  services: {
    api: {
      entry: './services/api.ts',
      routes: ['/'],
      databases: ['catalog', 'orders'],
      publishes: ['order_placed'],
      calls: ['recommender'],
      instances: { min: 3, zones: ZONES },
      resources: { cpu: 0.2, memory: '384MiB' },
      health: '/health',
    },
    recommender: {
      entry: './services/recommender.ts',
      databases: ['catalog', 'orders'],
      consumes: ['order_placed'],
      instances: { min: 2, zones: ZONES },
      resources: { cpu: 0.2, memory: '384MiB' },
      health: '/health',
    },
  },
  objectives: { api: { availability: 0.995, latency: { p95: '200ms' } } },
  load: dinnerRush,
})

export default system
export type System = typeof system
