import { array, assert, integer, property } from 'fast-check'
import { expect, test } from 'vitest'
import type { ResolvedBlueprint } from '../../src/blueprint/resolved-blueprint.ts'
import { checkBlueprint } from '../../src/blueprint/check.ts'
import { bindingsOf, connectionsOf, admissionsTo } from '../../src/runtime/service-bindings.ts'

function blueprint(services: Record<string, unknown>): ResolvedBlueprint {
  const system = { name: 'shop', databases: { orders: {}, catalog: {} }, services }
  return checkBlueprint(system, { file: '/shop/tenfold.config.ts' })
}
const service = (max: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  command: 'node server.js',
  databases: ['orders'],
  instances: { min: 1, max },
  ...more,
})
const places = {
  database: (name: string, service: string) => [{ url: `postgres://${service}@h/${name}` }],
  internalUrl: 'http://127.0.0.1:9000',
}

test('gives a service the databases and services that it lists, and nothing else', () => {
  const shop = blueprint({
    api: service(2, { calls: ['prices'] }),
    prices: service(1, { databases: ['catalog'] }),
    mail: service(1, { databases: [] }),
  })
  expect(bindingsOf('api', shop, places)).toEqual({
    layout: 1,
    service: 'api',
    databases: {
      orders: { shards: [{ url: 'postgres://api@h/orders' }], url: 'postgres://api@h/orders', connectionsMax: 10 },
    },
    services: { prices: { url: 'http://127.0.0.1:9000/prices' } },
    stopTimeoutMs: 10_000,
  })
  expect(bindingsOf('mail', shop, places)).toMatchObject({ databases: {}, services: {} })
})

test('gives a service the address of the engine that has its topic, beside the database that has the rest', () => {
  const system = {
    name: 'shop',
    databases: { events: {} },
    topics: { placed: { key: 'user', partitions: 4, engine: 'kafka', url: { env: 'KAFKA_URL' } } },
    services: { api: service(1, { databases: [], publishes: ['placed'] }) },
  }
  const shop = checkBlueprint(system, { file: '/shop/tenfold.config.ts' })
  const engineUrl = ({ urlVariable }: { urlVariable: string }): string => `kafka://${urlVariable}`
  expect(bindingsOf('api', shop, { ...places, engineUrl })).toMatchObject({
    publishes: {
      placed: { database: 'events', engine: { kind: 'kafka', url: 'kafka://KAFKA_URL', partitions: 4, groups: [] } },
    },
    unlisted: { events: {} },
  })
  expect(() => bindingsOf('api', shop, places)).toThrow('the address of kafka')
  // Who publishes carries it from there into the engine.
  expect(admissionsTo(shop, 'events')).toMatchObject({ api: { may: ['publish', 'consume'] } })
})

test('gives a service its topics, with the databases behind them, and says of a worker that it need not listen', () => {
  const system = {
    name: 'shop',
    databases: { events: {}, orders: {} },
    topics: { placed: { key: 'user', partitions: 4, event: {} } },
    services: {
      api: service(1, { publishes: ['placed'] }),
      mail: service(1, { databases: [], consumes: ['placed'] }),
      page: service(1, { databases: ['events'], consumes: ['placed'], routes: ['/'] }),
    },
  }
  const shop = checkBlueprint(system, { file: '/shop/tenfold.config.ts' })
  const placed = { key: 'user', database: 'events', hasSchema: false }
  expect(bindingsOf('api', shop, places)).toMatchObject({
    databases: { orders: {} },
    publishes: { placed },
    unlisted: { events: { shards: [{ url: 'postgres://api@h/events' }] } },
  })
  const mail = bindingsOf('mail', shop, places)
  expect(mail).toMatchObject({ databases: {}, consumes: { placed }, unlisted: { events: {} }, isWorker: true })
  const page = bindingsOf('page', shop, places)
  expect(page).toMatchObject({ databases: { events: {} }, consumes: { placed } })
  expect(page).not.toHaveProperty('unlisted')
  expect(page).not.toHaveProperty('isWorker')
})

test('names the door of a database that has one, for programs that take no other address', () => {
  const shop = blueprint({ api: service(1, { databases: ['orders', 'catalog'] }) })
  const url = 'postgres://service.api:secret@127.0.0.1:4000/orders'
  const { databases } = bindingsOf('api', shop, {
    ...places,
    database: () => [{ url, term: 2, replicas: [] }],
    doorPort: (name) => (name === 'orders' ? 4711 : undefined),
  })
  expect(databases).toMatchObject({
    orders: { url: 'postgres://service.api:secret@127.0.0.1:4711/orders', shards: [{ url }] },
    catalog: { url, shards: [{ url }] },
  })
})

test('gives all shards of a sharded database and its key, and no address that would be one of them', () => {
  const orders = { key: 'user_id', shards: { by: 'hash', count: 2 } }
  const system = { name: 'shop', databases: { orders }, services: { api: service(1) } }
  const shop = checkBlueprint(system, { file: '/shop/tenfold.config.ts' })
  const shards = [
    { url: 'postgres://api@h/0', term: 1, replicas: [] },
    { url: 'postgres://api@h/1', term: 3, replicas: [] },
  ]
  const { databases } = bindingsOf('api', shop, { ...places, database: () => shards, doorPort: () => 4711 })
  expect(databases).toEqual({ orders: { key: 'user_id', shards, connectionsMax: 10 } })
})

test('refuses what is not known yet', () => {
  const shop = blueprint({ api: service(1) })
  for (const [name, internalUrl] of [
    ['api', undefined],
    ['apo', places.internalUrl],
  ] as const) {
    expect(() => bindingsOf(name, shop, { ...places, internalUrl })).toThrow(
      expect.objectContaining({ code: 'TF_NOT_RUNNING' }),
    )
  }
})

test('all instances of all services together stay below what a node takes', () => {
  assert(
    property(array(integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 6 }), (maxima) => {
      const services = Object.fromEntries(maxima.map((max, index) => [`service-${index}`, service(max)]))
      const each = connectionsOf(blueprint(services), 'orders')
      const instances = maxima.reduce((sum, max) => sum + max, 0)
      expect(each).toBeGreaterThanOrEqual(1)
      expect(each).toBeLessThanOrEqual(10)
      expect(each * instances).toBeLessThanOrEqual(90)
    }),
  )
})

test('services that do not use a database leave its connections to the others', () => {
  const shop = blueprint({ api: service(9), mail: service(50, { databases: ['catalog'] }) })
  expect([connectionsOf(shop, 'orders'), connectionsOf(shop, 'catalog')]).toEqual([10, 1])
})

test('each service may hold as many connections as its instances need while they are replaced, and never all', () => {
  const shop = blueprint({ api: service(3), mail: service(5, { databases: ['catalog'] }), jobs: service(9) })
  const each = connectionsOf(shop, 'orders')
  const rows = (connectionsMax: number) => ({ connectionsMax, may: ['rows'] })
  expect(admissionsTo(shop, 'orders')).toEqual({ api: rows(2 * 3 * each), jobs: rows(90) })
  expect(admissionsTo(shop, 'catalog')).toEqual({ mail: rows(90) })
})

test('takes what the blueprint says of the connections of a database', () => {
  const shop = blueprint({ api: service(3) })
  const orders = { ...shop.databases['orders'], connections: 25 } as NonNullable<(typeof shop.databases)[string]>
  expect(connectionsOf({ ...shop, databases: { ...shop.databases, orders } }, 'orders')).toBe(25)
})
