import { defineSystem } from '../../src/blueprint/define-system.ts'
import { shape } from '../../src/blueprint/shape.ts'
import type { Bindings } from '../../src/service/handles.ts'
import type { System } from './good.ts'

interface Tables {
  order: { id: string; user_id: string }
  line: { order_id: string; user_id: string }
  country: { code: string }
}
interface Placed {
  user_id: string
}
const web = { entry: './web.ts' } as const

// References: every name is one that the blueprint has.
// @ts-expect-error
defineSystem({ name: 'x', databases: { orders: {} }, services: { api: { ...web, databases: ['order'] } } })
// @ts-expect-error
defineSystem({ name: 'x', caches: { menu: { ttl: '1h' } }, services: { api: { ...web, caches: ['menus'] } } })
defineSystem({
  name: 'x',
  topics: { placed: { key: 'id', partitions: 1 } },
  // @ts-expect-error
  services: { api: { ...web, publishes: ['place'] } },
})
defineSystem({
  name: 'x',
  topics: { placed: { key: 'id', partitions: 1 } },
  // @ts-expect-error
  services: { api: { ...web, consumes: ['place'] } },
})
defineSystem({
  name: 'x',
  databases: { events: {} },
  // @ts-expect-error
  topics: { placed: { key: 'id', partitions: 1, database: 'event' } },
  services: { web },
})
defineSystem({
  name: 'x',
  databases: { mails: {} },
  queues: { emails: {} },
  // @ts-expect-error
  services: { api: { ...web, enqueues: ['email'] } },
})
defineSystem({
  name: 'x',
  databases: { mails: {} },
  queues: { emails: {} },
  // @ts-expect-error
  services: { api: { ...web, works: ['email'] } },
})
// @ts-expect-error
defineSystem({ name: 'x', services: { api: { ...web, calls: ['webb'] }, web } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, objectives: { webb: { availability: 0.99 } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { api: { ...web, databases: ['orders'] } } })

// Keys, reference tables and fields are columns that exist.
defineSystem({
  name: 'x',
  services: { web },
  // @ts-expect-error
  databases: { orders: { tables: shape<Tables>(), key: 'total', reference: ['country'] } },
})
defineSystem({
  name: 'x',
  services: { web },
  // A table without the key that is not in 'reference'.
  // @ts-expect-error
  databases: { orders: { tables: shape<Tables>(), key: 'user_id' } },
})
defineSystem({
  name: 'x',
  services: { web },
  // @ts-expect-error
  databases: { orders: { tables: shape<Tables>(), key: 'user_id', reference: ['countri'] } },
})
defineSystem({
  name: 'x',
  services: { web },
  // @ts-expect-error
  topics: { placed: { event: shape<Placed>(), key: 'user', partitions: 1 } },
})

// Unknown options at every level.
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, database: {} })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, databases: { orders: { replica: 1 } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, databases: { orders: { key: 'id', shards: { by: 'hash', cout: 4 } } } })
defineSystem({
  name: 'x',
  services: { web },
  // @ts-expect-error
  databases: { orders: { key: 'id', shards: { by: 'hash', count: 4, buckts: 4 } } },
})
defineSystem({
  name: 'x',
  services: { web },
  // @ts-expect-error
  databases: { orders: { key: 'id', shards: { by: 'modulo', count: 4, buckets: 1024 } } },
})
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, databases: { orders: { resources: { cpus: 1 } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, databases: { orders: { url: { var: 'URL' } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, caches: { menu: { ttl: '1h', size: '1MiB' } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, topics: { placed: { key: 'id', partitons: 1 } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, route: ['/'] } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, routes: ['/', { path: '/a', timeuot: '2m' }] } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, routes: [{ path: '/a', timeout: 5 }] } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, gateway: { tls: { certificate: './a.pem', kee: './b.pem' } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, instances: { min: 1, desird: 2 } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, resources: { cpu: 1, ram: '1GiB' } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, scale: { metric: 'cpu', target: 0.6, up: {} } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, scale: { metric: 'cpu', target: 0.6, out: { over: 1 } } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, env: { KEY: { secrt: 'key' } } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, objectives: { web: { latancy: { p95: '1s' } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, objectives: { web: { latency: { p96: '1s' } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, alerts: { pages: ['slack'] } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, gateway: { prt: 80 } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, load: { peak: '1 sessions/s', scenario: [] } })

// Types and units.
// @ts-expect-error
defineSystem({ name: 7, services: { web } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { entry: './web.ts', command: 'node web.js' } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { routes: ['/'] } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { static: './dist', entry: './web.ts', routes: ['/'] } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { static: true, routes: ['/'] } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { night: { ...web, schedule: { corn: '0 3 * * *' } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { night: { ...web, schedule: { timezone: 'UTC' } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { night: { ...web, schedule: { cron: '0 3 * * *', overlap: 'queue' } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { night: { ...web, schedule: { cron: '0 3 * * *', timeLimit: 5 } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, routes: '/' } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, timeout: '5 sec' } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, timeout: 5 } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, resources: { memory: '1GB' } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, traffic: { balance: { by: 'ring-hash' } } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, traffic: { balance: { by: 'round-robin', key: 'client' } } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, traffic: { ejection: { afterr: 1 } } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, traffic: { inFlight: { softt: 1 } } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, scale: { metric: 'latency', target: '200ms' } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, scale: { metric: 'lag', target: 5 } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, scale: { metric: 'custom', name: 'jobs', target: '5s' } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, scale: { metric: 'custom', name: 'a', form: '/', target: 5 } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, scale: { metric: 'cpu', target: '60%' } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web: { ...web, env: { PORT: 80 } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, databases: { orders: { standby: 'sync' } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, databases: { orders: { key: 'id', shards: { by: 'hsh', count: 4 } } } })
defineSystem({
  name: 'x',
  services: { web },
  // @ts-expect-error
  databases: { orders: { key: 'id', shards: { by: 'modulo', bounds: [1] } } },
})
defineSystem({
  name: 'x',
  services: { web },
  // @ts-expect-error
  databases: { orders: { key: 'id', shards: { by: 'list', lists: ['DE'] } } },
})
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, databases: { orders: { engine: 'mysql' } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, databases: { orders: { url: 'postgres://localhost' } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, caches: { menu: { ttl: '1 hour' } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, caches: { menu: { ttl: '1h', mode: 'write-trough' } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, objectives: { web: { latency: { p95: 200 } } } })
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, load: { peak: '400/s', scenarios: [] } })
defineSystem({
  name: 'x',
  services: { web },
  // @ts-expect-error
  load: { peak: '400 sessions/s', scenarios: [{ name: 'dinner', steps: [{ name: 'menu', pth: '/menu' }] }] },
})
defineSystem({
  name: 'x',
  services: { web },
  // @ts-expect-error
  load: { peak: '1 sessions/s', scenarios: [], arrivals: { shape: 'wave' } },
})
// @ts-expect-error
defineSystem({ name: 'x', services: { web }, alerts: { page: ['email'] } })

/** What `bind` gives is what the service lists. */
export async function misuse(
  api: Bindings<System, 'api'>,
  recommender: Bindings<System, 'recommender'>,
): Promise<void> {
  // @ts-expect-error
  void api.caches.session
  // @ts-expect-error
  void api.databases.archive
  void recommender.databases
  // @ts-expect-error
  void recommender.databases.orders
  // @ts-expect-error
  void api.services.legacy
  // @ts-expect-error
  void api.consumes.order_placed
  // @ts-expect-error
  await api.publishes.order_placed.publish({ user_id: 'u' })
  // @ts-expect-error
  void api.databases.orders.db
  // @ts-expect-error
  void api.databases.orders.transaction
  // @ts-expect-error
  void api.databases.orders.shard(7)
  // @ts-expect-error
  void api.databases.orders.shard('u').db.selectFrom('ordr')
  // @ts-expect-error
  void api.databases.orders.reference.db.selectFrom('order')
  // @ts-expect-error
  void api.databases.orders.all().insertInto('order')
  // @ts-expect-error
  void api.databases.catalog.shard('u')
  // @ts-expect-error
  void api.databases.catalog.db.selectFrom('recipes')
}
// @ts-expect-error
export type Wrong = Bindings<System, 'apii'>
