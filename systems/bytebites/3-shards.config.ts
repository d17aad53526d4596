import { defineSystem, shape } from 'tenfold'
import type { CatalogTables, OrderTables, SharedTables } from './data/tables.ts'
import type { OrderPlaced } from './domain/order-placed.ts'
import { dinnerRush } from './load.ts'

const ZONES = ['a', 'b']

/**
 * ByteBites when one server can't take all orders any more: those of a subscriber are on one of four shards. What subscribers
 * share, addresses and the places of slots, has moved to the catalogue.
 */
const system = defineSystem({
  name: 'bytebites',
  databases: {
    catalog: {
      tables: shape<CatalogTables & SharedTables>(),
      migrations: ['./migrations/catalog', './migrations/shared'],
      seed: ['./data/catalog-seed.ts', './data/login-seed.ts'],
      replicas: 1,
      zones: ZONES,
      resources: { cpu: 0.2 },
    },
    orders: {
      tables: shape<OrderTables>(),
      key: 'user_id',
      shards: { by: 'hash', count: 4 },
      // From the time when it was beside the orders, and empty.
      reference: ['delivery_slot'],
      migrations: './migrations/orders',
      seed: './data/orders-seed.ts',
      standby: 'synchronous',
      zones: ZONES,
      backup: { to: './backups' },
      recovery: { time: '15m', loss: '0s' },
      resources: { cpu: 0.15 },
    },
  },
  topics: {
    order_placed: { event: shape<OrderPlaced>(), key: 'user_id', partitions: 4, database: 'catalog' },
  },
  services: {
    api: {
      entry: './services/sharded-api.ts',
      routes: ['/'],
      databases: ['catalog', 'orders'],
      publishes: ['order_placed'],
      calls: ['recommender'],
      instances: { min: 3, zones: ZONES },
      resources: { cpu: 0.2, memory: '384MiB' },
      health: '/health',
    },
    recommender: {
      entry: './services/sharded-recommender.ts',
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
