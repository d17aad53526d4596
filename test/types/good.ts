import { z } from 'zod'
import { defineSystem } from '../../src/blueprint/define-system.ts'
import { shape } from '../../src/blueprint/shape.ts'
import type { Scenario } from '../../src/blueprint/scenario.ts'

interface OrderTables {
  order: { id: string; user_id: string; total_cents: number }
  order_line: { order_id: string; user_id: string; recipe_id: number }
  country: { code: string; name: string }
}
interface CatalogTables {
  recipe: { id: number; title: string }
}
const orderPlaced = z.object({ user_id: z.string(), order_id: z.string() })
const email = z.object({ to: z.string(), text: z.string() })
const dinner: Scenario = { name: 'dinner', steps: [{ name: 'menu', path: '/menu' }] }

/** Everything the grammar has, in one blueprint: it must compile. */
export const system = defineSystem({
  name: 'bytebites',
  databases: {
    orders: {
      tables: shape<OrderTables>(),
      key: 'user_id',
      shards: { by: 'hash', count: 4, buckets: 1024 },
      reference: ['country'],
      standby: 'synchronous',
      replicas: 1,
      migrations: ['./migrations/orders', './migrations/shared'],
      seed: './seed.ts',
      resources: { cpu: 0.5, memory: '512MiB' },
    },
    catalog: { tables: shape<CatalogTables>(), replicas: 2, migrations: './migrations/catalog' },
    users: { engine: 'postgres', url: { env: 'USERS_URL' } },
    meters: { key: 'meter', shards: { by: 'modulo', count: 3 } },
    archive: { key: 'year', shards: { by: 'range', bounds: [2020, 2024] } },
    places: {
      key: 'country',
      shards: { by: 'list', lists: { dach: ['DE', 'AT', 'CH'], rest: [] }, otherwise: 'rest' },
    },
  },
  caches: {
    recipes: { value: shape<{ id: number; title: string }>(), ttl: '1h', capacity: '64MiB' },
    sessions: { mode: 'write-through', ttl: '30m', consistency: 'strong', engine: 'redis', url: { env: 'REDIS_URL' } },
  },
  topics: {
    order_placed: { event: orderPlaced, key: 'user_id', partitions: 12, retention: '3d', database: 'catalog' },
  },
  queues: { emails: { item: email, database: 'catalog', concurrency: 20, concurrencyPerKey: 1 } },
  services: {
    api: {
      entry: './services/api.ts',
      routes: ['/', { path: '/export', timeout: '2m' }, { path: '/assets' }],
      databases: ['orders', 'catalog', 'users'],
      caches: ['recipes', 'sessions'],
      publishes: ['order_placed'],
      enqueues: ['emails'],
      calls: ['recommender'],
      env: { STRIPE_KEY: { secret: 'stripe' }, LOG: 'info' },
      resources: { cpu: 0.1, memory: '256MiB' },
      instances: { min: 3, desired: 5, max: 10 },
      scale: { metric: 'cpu', target: 0.6, out: { above: 0.6, for: '5m' }, in: { below: 0.3 } },
      traffic: {
        balance: { by: 'ring-hash', key: { cookie: 'session' } },
        inFlight: { soft: 20, hard: 64 },
        queue: { length: 100, timeout: '1s' },
        probe: { interval: '2s', timeout: '500ms', failures: 2, successes: 1 },
        ejection: { after: 10, for: '10s', atMost: 0.3 },
        panicBelow: 0.3,
        adaptive: { start: 10 },
        body: '10MiB',
        shed: { header: 'x-kind', low: ['batch'], share: 0.2 },
        rate: { requests: 100, per: '1m', burst: 20, key: { header: 'x-api-key' } },
      },
      health: '/ready',
      startTimeout: '10s',
      stopTimeout: '5s',
      timeout: '2s',
    },
    recommender: {
      entry: './services/recommender.ts',
      consumes: ['order_placed'],
      works: ['emails'],
      instances: { min: 1, max: 12 },
      scale: { metric: 'lag', target: '5s' },
      traffic: { balance: { by: 'round-robin' }, slowStart: '30s', ejection: 'off' },
    },
    legacy: { command: 'python3 app.py', routes: ['/reports'] },
    mailer: {
      command: 'python3 mailer.py',
      instances: { max: 4 },
      scale: {
        metric: 'custom',
        name: 'jobs_waiting',
        from: '/stats',
        labels: { queue: 'mail' },
        target: 20,
        out: { for: '1m' },
      },
    },
    site: { static: './dist', routes: ['/site'], fallback: 'index.html' },
    nightly: { entry: './nightly.ts', databases: ['orders'], schedule: '0 3 * * *' },
    report: {
      command: 'python3 report.py',
      schedule: { cron: '0 8 * * mon', timezone: 'Europe/Berlin', overlap: 'allow', missed: 'skip', timeLimit: '10m' },
    },
  },
  objectives: { api: { availability: 0.999, latency: { p95: '200ms', 'p99.9': '1s' } } },
  alerts: { page: ['pagerduty', 'slack'], ticket: ['slack'] },
  load: { peak: '400 sessions/s', scenarios: [dinner], arrivals: { shape: 'day' }, duration: '1m', timeScale: 60 },
  gateway: {
    port: 8443,
    host: '127.0.0.1',
    tls: { certificate: './tls/fullchain.pem', key: './tls/privkey.pem' },
    headers: { size: '32KiB', count: 50 },
  },
})
export type System = typeof system

/** The smallest blueprint is a name and one service. */
export const smallest = defineSystem({ name: 'hello', services: { web: { command: 'node server.js' } } })
