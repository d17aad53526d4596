import { defineSystem, shape } from 'tenfold'
import type { CatalogTables, OrderTables } from './data/tables.ts'
import { dinner } from './load.ts'

/** ByteBites as it began: one process, one database, recommendations computed within the request. */
const system = defineSystem({
  name: 'bytebites',
  databases: {
    main: {
      tables: shape<CatalogTables & OrderTables>(),
      migrations: ['./migrations/catalog', './migrations/orders'],
      seed: ['./data/catalog-seed.ts', './data/orders-seed.ts'],
    },
  },
  services: {
    monolith: {
      entry: './services/monolith.ts',
      routes: ['/'],
      databases: ['main'],
      health: '/health',
    },
  },
  objectives: { monolith: { availability: 0.999, latency: { p95: '200ms' } } },
  load: { peak: '20 sessions/s', scenarios: [dinner] },
})

export default system
export type System = typeof system
