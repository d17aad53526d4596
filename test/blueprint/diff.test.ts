import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { diffBlueprints, withoutRestarts } from '../../src/blueprint/diff.ts'
import type {
  ResolvedBlueprint,
  ResolvedDatabase,
  ResolvedQueue,
  ResolvedService,
  ResolvedSharding,
  ResolvedTopic,
} from '../../src/blueprint/resolved-blueprint.ts'
import { DEFAULT_TRAFFIC } from '../../src/blueprint/resolved-traffic.ts'

const SERVICE: ResolvedService = {
  name: 'api',
  program: { kind: 'entry', entry: '/app/api.ts' },
  schedule: undefined,
  listensOn: undefined,
  routes: ['/'],
  databases: [],
  publishes: [],
  consumes: [],
  enqueues: [],
  works: [],
  connectsTo: [],
  calls: [],
  env: {},
  instances: { min: 1, desired: 2, max: 10 },
  scale: undefined,
  resources: { cpu: undefined, memoryBytes: undefined },
  health: undefined,
  startTimeoutMs: 10_000,
  stopTimeoutMs: 5_000,
  requestTimeoutMs: 30_000,
  traffic: DEFAULT_TRAFFIC,
}
const DATABASE: ResolvedDatabase = {
  name: 'orders',
  engine: { kind: 'embedded' },
  migrations: [],
  seeds: [],
  resources: { cpu: undefined, memoryBytes: undefined },
}
const TOPIC: ResolvedTopic = {
  name: 'placed',
  engine: { kind: 'postgres', database: 'orders' },
  key: 'user_id',
  partitions: 4,
  retentionMs: 86_400_000,
  keepUnreadMs: undefined,
  isStrict: false,
  hasSchema: false,
}
const QUEUE: ResolvedQueue = {
  name: 'emails',
  engine: { kind: 'postgres', database: 'orders' },
  limits: { concurrency: undefined, concurrencyPerKey: 1 },
  hasSchema: false,
}
const SHOP: ResolvedBlueprint = {
  name: 'shop',
  file: '/app/tenfold.config.ts',
  directory: '/app',
  configuration: 'tenfold',
  gateway: {
    host: '127.0.0.1',
    port: 8080,
    isPortGiven: false,
    headers: { bytesMax: 16_384, countMax: 100 },
    certificates: [],
  },
  databases: { orders: DATABASE },
  topics: { placed: TOPIC },
  queues: { emails: QUEUE },
  services: { api: SERVICE },
  objectives: {},
  load: undefined,
}

function withService(changes: Partial<ResolvedService>): ResolvedBlueprint {
  return { ...SHOP, services: { api: { ...SERVICE, ...changes } } }
}

function withDatabase(changes: Partial<ResolvedDatabase>): ResolvedBlueprint {
  return { ...SHOP, databases: { orders: { ...DATABASE, ...changes } } }
}

function diff(after: ResolvedBlueprint, before = SHOP): readonly string[] {
  return diffBlueprints(before, after).map(({ kind, path, effect }) => `${kind} ${path} ${effect}`)
}

describe('the difference of two blueprints', () => {
  test('is nothing when nothing differs, whatever is left out and whatever is undefined', () => {
    expect(diff(structuredClone(SHOP))).toEqual([])
    expect(diff(JSON.parse(JSON.stringify(SHOP)) as ResolvedBlueprint)).toEqual([])
  })

  test.each<[string, Partial<ResolvedService>, string]>([
    ['program', { program: { kind: 'command', command: 'node api.js' } }, 'rollout'],
    ['env', { env: { MODE: { kind: 'literal', value: 'x' } } }, 'rollout'],
    ['resources', { resources: { cpu: 1, memoryBytes: undefined } }, 'rollout'],
    ['health', { health: '/health' }, 'rollout'],
    ['databases', { databases: ['orders'] }, 'rollout'],
    ['publishes', { publishes: ['placed'] }, 'rollout'],
    ['consumes', { consumes: ['placed'] }, 'rollout'],
    ['enqueues', { enqueues: ['emails'] }, 'rollout'],
    ['works', { works: ['emails'] }, 'rollout'],
    ['calls', { calls: ['api'] }, 'rollout'],
    ['routes', { routes: ['/', '/app'] }, 'live'],
    ['routeTimeoutsMs', { routeTimeoutsMs: { '/': 120_000 } }, 'live'],
    ['instances', { instances: { min: 1, desired: 3, max: 10 } }, 'live'],
    ['requestTimeoutMs', { requestTimeoutMs: 1_000 }, 'live'],
    ['traffic', { traffic: { ...DEFAULT_TRAFFIC, slowStartMs: 1_000 } }, 'live'],
  ])('of the %s of a service says what it takes', (key, changes, effect) => {
    expect(diff(withService(changes))).toEqual([`changed services.api.${key} ${effect}`])
  })

  test.each<[string, Partial<ResolvedTopic>, string]>([
    ['retentionMs', { retentionMs: 60_000 }, 'live'],
    ['keepUnreadMs', { keepUnreadMs: 90_000_000 }, 'live'],
    ['isStrict', { isStrict: true }, 'live'],
    ['hasSchema', { hasSchema: true }, 'live'],
    ['partitions', { partitions: 8 }, 'refused'],
    ['key', { key: 'id' }, 'refused'],
    ['engine', { engine: { kind: 'postgres', database: 'events' } }, 'refused'],
  ])('of the %s of a topic says what it takes', (key, changes, effect) => {
    const after = { ...SHOP, topics: { placed: { ...TOPIC, ...changes } } }
    expect(diff(after)).toEqual([`changed topics.placed.${key} ${effect}`])
  })

  test('lets a topic move to an engine beside the same database, and back, and tells its services', () => {
    const kafka = { kind: 'kafka', database: 'orders', urlVariable: 'KAFKA_URL' } as const
    const here = withService({ publishes: ['placed'] })
    const there = { ...here, topics: { placed: { ...TOPIC, engine: kafka } } }
    const changes = ['changed topics.placed.engine live', 'changed services.api.topics rollout']
    expect(diff(there, here)).toEqual(changes)
    expect(diff(here, there)).toEqual(changes)
    const elsewhere = { ...here, topics: { placed: { ...TOPIC, engine: { ...kafka, database: 'events' } } } }
    expect(diff(elsewhere, here)).toEqual(['changed topics.placed.engine refused'])
    const other = { ...here, topics: { placed: { ...TOPIC, engine: { ...kafka, urlVariable: 'OTHER_URL' } } } }
    expect(diff(other, there)).toEqual(['changed topics.placed.engine refused'])
  })

  test.each<[string, Partial<ResolvedQueue>, string]>([
    ['limits', { limits: { concurrency: 4, concurrencyPerKey: 1 } }, 'live'],
    ['hasSchema', { hasSchema: true }, 'live'],
    ['engine', { engine: { kind: 'postgres', database: 'mails' } }, 'refused'],
  ])('of the %s of a queue says what it takes', (key, changes, effect) => {
    const after = { ...SHOP, queues: { emails: { ...QUEUE, ...changes } } }
    expect(diff(after)).toEqual([`changed queues.emails.${key} ${effect}`])
  })

  const SHARDING: ResolvedSharding = {
    key: 'user_id',
    strategy: { by: 'hash', count: 4 },
    count: 4,
    reference: [],
  }
  test.each<[string, ResolvedSharding | undefined, readonly string[]]>([
    ['its shards are removed', undefined, ['shards refused']],
    ['there are more shards', { ...SHARDING, strategy: { by: 'hash', count: 8 }, count: 8 }, ['shards live']],
    ['there are fewer shards', { ...SHARDING, strategy: { by: 'hash', count: 2 }, count: 2 }, ['shards refused']],
    ['there are other buckets', { ...SHARDING, strategy: { by: 'hash', count: 4, buckets: 64 } }, ['shards refused']],
    [
      'the buckets are those by default',
      { ...SHARDING, strategy: { by: 'hash', count: 4, buckets: 1024 } },
      ['shards live'],
    ],
    ['it is spread in another way', { ...SHARDING, strategy: { by: 'modulo', count: 4 } }, ['shards refused']],
    ['the key is another', { ...SHARDING, key: 'region' }, ['key refused']],
    ['a reference table is new', { ...SHARDING, reference: ['country'] }, ['reference live']],
  ])('of a sharded database: %s', (_what, sharding, effects) => {
    const before = withDatabase({ sharding: SHARDING })
    const after = withDatabase(sharding === undefined ? {} : { sharding })
    expect(diff(after, before)).toEqual(effects.map((effect) => `changed databases.orders.${effect}`))
  })

  test('refuses bounds and lists that are edited, and shards for a database that has none', () => {
    const ranges = (...bounds: number[]): ResolvedSharding => ({
      ...SHARDING,
      strategy: { by: 'range', bounds },
      count: bounds.length + 1,
    })
    const before = withDatabase({ sharding: ranges(10) })
    expect(diff(withDatabase({ sharding: ranges(10, 20) }), before)).toEqual([
      'changed databases.orders.shards refused',
    ])
    expect(diff(before)).toEqual(['changed databases.orders.shards refused'])
  })

  test('tells with which command the rows get to shards that are new', () => {
    const more = { ...SHARDING, strategy: { by: 'hash', count: 8 } as const, count: 8 }
    expect(diffBlueprints(withDatabase({ sharding: SHARDING }), withDatabase({ sharding: more }))).toMatchObject([
      { meaning: expect.stringContaining('4 → 8 shards'), command: 'npx tenfold shards split orders' },
    ])
  })

  test('makes topics that are new, and leaves the events of those that are gone', () => {
    const after = { ...SHOP, topics: { paid: { ...TOPIC, name: 'paid' } } }
    expect(diff(after)).toEqual(['removed topics.placed live', 'added topics.paid live'])
  })

  test('says once that a service uses another database, however it comes to it', () => {
    expect(diff(withService({ databases: ['orders'], connectsTo: ['orders'] }))).toEqual([
      'changed services.api.databases rollout',
    ])
  })

  test('of files and jobs touches no instance, but one kind of service does not become another', () => {
    const program = { kind: 'files', directory: '/app/dist', fallback: undefined } as const
    const [files, moved] = [withService({ program }), withService({ program: { ...program, directory: '/app/out' } })]
    expect(diff(moved, files)).toEqual(['changed services.api.program live'])
    const schedule = { cron: '0 3 * * *', timezone: 'UTC', overlap: 'skip', missed: 'once', timeLimitMs: 1 } as const
    const [job, later] = [withService({ schedule }), withService({ schedule: { ...schedule, cron: '0 4 * * *' } })]
    expect(diff(later, job)).toEqual(['changed services.api.schedule live'])
    for (const other of [files, job]) expect(diff(other)).toEqual(['changed services.api refused'])
    expect(diff(files, job)).toEqual(['changed services.api refused'])
  })

  test('replaces instances for an option that it has never heard of', () => {
    expect(diff(withService({ somethingNew: 1 } as Partial<ResolvedService>))).toEqual([
      'changed services.api.somethingNew rollout',
    ])
  })

  test.each<[string, Partial<ResolvedDatabase>, string]>([
    ['migrations', { migrations: ['/app/migrations'] }, 'live'],
    ['seeds', { seeds: ['/app/seed.ts'] }, 'live'],
    ['connections', { connections: 5 }, 'live'],
    ['resources', { resources: { cpu: 1, memoryBytes: undefined } }, 'restart'],
    ['engine', { engine: { kind: 'server', urlVariable: 'ORDERS_URL' } }, 'refused'],
  ])('of the %s of a database says what it takes', (key, changes, effect) => {
    expect(diff(withDatabase(changes))).toEqual([`changed databases.orders.${key} ${effect}`])
  })

  test('names what comes and what leaves', () => {
    const after = { ...SHOP, services: { web: { ...SERVICE, name: 'web' } }, databases: {} }
    expect(diff(after)).toEqual([
      'removed databases.orders live',
      'removed services.api live',
      'added services.web live',
    ])
  })

  test('of what is only read needs nothing to restart', () => {
    expect(diff({ ...SHOP, objectives: { api: { service: 'api', availability: 0.99, latency: [] } } })).toEqual([
      'changed objectives live',
    ])
  })

  test('refuses another name, which means other data, and names the command', () => {
    expect(diffBlueprints(SHOP, { ...SHOP, name: 'store' })).toMatchObject([
      { path: 'name', effect: 'refused', command: 'npx tenfold down && npx tenfold up' },
    ])
  })

  test('says nothing that could be a secret', () => {
    const secret = withService({ env: { KEY: { kind: 'literal', value: 'hunter2' } } })
    expect(JSON.stringify(diffBlueprints(SHOP, secret))).not.toContain('hunter2')
  })

  test('is still there for what waits for a restart after the rest is done', () => {
    const change = fc.record({
      port: fc.nat(65_535),
      cpu: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
      desired: fc.integer({ min: 1, max: 5 }),
      routes: fc.subarray(['/', '/app', '/api']),
    })
    fc.assert(
      fc.property(change, ({ port, cpu, desired, routes }) => {
        const after: ResolvedBlueprint = {
          ...withDatabase({ resources: { cpu, memoryBytes: undefined } }),
          gateway: { ...SHOP.gateway, port },
          services: { api: { ...SERVICE, routes, instances: { ...SERVICE.instances, desired } } },
        }
        const waiting = diffBlueprints(SHOP, after).filter(({ effect }) => effect === 'restart')
        expect(diffBlueprints(withoutRestarts(SHOP, after), after)).toEqual(waiting)
      }),
    )
  })
})
