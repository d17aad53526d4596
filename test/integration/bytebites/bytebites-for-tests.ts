import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { migrate } from '../../../src/clusters/migrations.ts'
import { runSeeds } from '../../../src/clusters/seed.ts'
import type { ChildUser } from '../../../src/core/child-user.ts'
import { canAccess } from '../../../src/core/child-user.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import type { CatalogTables, OrderTables } from '../../../systems/bytebites/data/tables.ts'
import { recommender } from '../../../systems/bytebites/services/recommendations.ts'
import { createServer } from '../../../systems/bytebites/services/server.ts'
import { catalogStore } from '../../../systems/bytebites/services/stores/catalog-store.ts'
import { orderStore } from '../../../systems/bytebites/services/stores/order-store.ts'
import { slotsBeside } from '../../../systems/bytebites/services/stores/slot-store.ts'
import { subscriberStore } from '../../../systems/bytebites/services/stores/subscriber-store.ts'
import { storefrontRoutes } from '../../../systems/bytebites/services/storefront.ts'
import type { TestBed } from '../clusters/test-bed.ts'
import { createTestBed } from '../clusters/test-bed.ts'

const SYSTEM = fileURLToPath(new URL('../../../systems/bytebites/', import.meta.url))
const SEED_PROGRAM = fileURLToPath(new URL('../../../src/clusters/seed-process.ts', import.meta.url))

/** The monolith on a database of its own, with its whole data set. */
export interface ByteBites {
  readonly connection: DatabaseConnection
  readonly app: FastifyInstance
  /** Constraints and indexes as the migrations made them, before any data. */
  readonly definitions: readonly string[]
  /** The time that the services believe in. */
  now: number
  end(): Promise<void>
}

export async function startByteBites(): Promise<ByteBites> {
  const bed = await createTestBed()
  try {
    return await filled(bed)
  } catch (error) {
    await bed.end()
    throw error
  }
}

/** Every constraint and index of the system's tables, as text. */
export async function definitionsIn(connection: DatabaseConnection): Promise<string[]> {
  const { rows } = await connection.query<{ definition: string }>(`
    select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) as definition
      from pg_constraint where connamespace = 'public'::regnamespace
    union all
    select indexdef from pg_indexes where schemaname = 'public'
    order by definition`)
  return rows.map((row) => row.definition)
}

async function filled(bed: TestBed): Promise<ByteBites> {
  const cluster = bed.cluster('main')
  await cluster.start()
  const connection = bed.connect(cluster.url(), { connectionsMax: 12 })
  await migrate(connection, [join(SYSTEM, 'migrations/catalog'), join(SYSTEM, 'migrations/orders')])
  const definitions = await definitionsIn(connection)
  await runSeeds({
    database: 'main',
    url: cluster.url(),
    seeds: ['catalog-seed.ts', 'orders-seed.ts'].map((name) => ({ key: name, file: join(SYSTEM, 'data', name) })),
    subprocesses: bed.subprocesses,
    user: await seedUser(bed),
    logFile: join(bed.directory, 'seed.log'),
  })
  const typed = connection as DatabaseConnection<CatalogTables & OrderTables>
  const catalog = catalogStore({ read: () => ({ db: typed.db.$pickTables<keyof CatalogTables>() }) })
  const orderTables = connection as unknown as DatabaseConnection<OrderTables>
  const stores = {
    catalog,
    orders: orderStore(() => orderTables, slotsBeside(orderTables)),
    subscribers: subscriberStore(() => orderTables),
  }
  const app = createServer()
  const byteBites: ByteBites = {
    connection,
    app,
    definitions,
    now: Date.parse('2026-11-22T17:00:00Z'),
    async end() {
      await app.close()
      await bed.end()
    },
  }
  storefrontRoutes(app, { ...stores, recommend: recommender(stores), now: () => byteBites.now })
  return byteBites
}

/** The product hands over copies that the unprivileged user can read; here only a readable checkout can be used so. */
async function seedUser(bed: TestBed): Promise<ChildUser | undefined> {
  const isReadable =
    (await canAccess(bed.user, SEED_PROGRAM, 'read')) && (await canAccess(bed.user, process.execPath, 'execute'))
  return isReadable ? bed.user : undefined
}
