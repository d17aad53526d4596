import { defineSystem, shape } from 'tenfold'
import type { CatalogTables, OrderTables } from './data/tables.ts'
import { dinnerRush } from './load.ts'

/**
 * ByteBites as it began: one process, one database, recommendations computed within the request. One instance as small
 * as those of the later system; its database may use as much as the two of that system together.
 */
const system = defineSystem({
  name: 'bytebites',
  databases: {
    main: {
      tables: shape<CatalogTables & OrderTables>(),
      migrations: ['./migrations/catalog', './migrations/orders'],
      seed: ['./data/catalog-seed.ts', './data/orders-seed.ts'],
      resources: { cpu: 0.55 },
    },
  },
  services: {
    monolith: {
      entry: './services/monolith.ts',
      routes: ['/'],
      databases: ['main'],
      resources: { cpu: 0.2, memory: '384MiB' },
      health: '/health',
    },
  },
  objectives: { monolith: { availability: 0.995, latency: { p95: '200ms' } } },
  load: dinnerRush,
})

export default system
export type System = typeof system
