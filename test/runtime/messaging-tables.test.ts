import { expect, test } from 'vitest'
import { checkBlueprint } from '../../src/blueprint/check.ts'
import type { ResolvedBlueprint } from '../../src/blueprint/resolved-blueprint.ts'
import { parseDuration } from '../../src/core/duration.ts'
import { admissionsTo } from '../../src/runtime/service-bindings.ts'
import { messagingTablesOf } from '../../src/runtime/messaging-tables.ts'

/** Orders are published from their own database into another, and read by one that has effects in a third. */
function shop(): ResolvedBlueprint {
  const program = { command: 'node server.js' }
  return checkBlueprint(
    {
      name: 'shop',
      databases: { events: {}, orders: {}, mails: {}, other: {} },
      topics: {
        placed: { key: 'id', partitions: 4, retention: '1d' },
        paid: { key: 'id', partitions: 2, retention: '1h' },
      },
      queues: { emails: { database: 'mails', concurrencyPerKey: 1 } },
      services: {
        api: { ...program, databases: ['orders'], publishes: ['placed'], enqueues: ['emails'] },
        mailer: { ...program, databases: ['mails'], consumes: ['placed'] },
        sender: { ...program, works: ['emails'] },
        watcher: { ...program, databases: ['events'], consumes: ['paid'] },
        page: { ...program, databases: ['orders', 'other'] },
      },
    },
    { file: '/shop/tenfold.config.ts' },
  )
}

const namesOf = (named: readonly { name: string }[]): readonly string[] => named.map(({ name }) => name)

test('makes the log where a topic is, an outbox where it is published from, and an inbox where it has effects', () => {
  const tablesOf = (database: string): unknown => {
    const tables = messagingTablesOf(shop(), database)
    return tables && { ...tables, topics: namesOf(tables.topics), queues: namesOf(tables.queues) }
  }
  expect(tablesOf('events')).toEqual({ topics: ['placed', 'paid'], retentionMs: 86_400_000, queues: [] })
  expect(tablesOf('orders')).toEqual({ topics: ['placed'], retentionMs: 86_400_000, queues: ['outbox/emails'] })
  expect(tablesOf('mails')).toEqual({ topics: [], retentionMs: 0, queues: ['emails'] })
  expect(tablesOf('other')).toBeUndefined()
})

test('drops what nobody has read only where every topic says so, and never from an outbox', () => {
  const keepUnreadIn = (database: string, placed: string | undefined, paid: string | undefined): unknown => {
    const blueprint = shop()
    const [one, two] = [placed, paid].map((text) => (text === undefined ? undefined : parseDuration(text as '1d')))
    const topics = {
      placed: { ...blueprint.topics['placed']!, keepUnreadMs: one },
      paid: { ...blueprint.topics['paid']!, keepUnreadMs: two },
    }
    return messagingTablesOf({ ...blueprint, topics }, database)?.keepUnreadMs
  }
  expect(keepUnreadIn('events', '2d', '3d')).toBe(3 * 86_400_000)
  expect(keepUnreadIn('events', '2d', undefined)).toBeUndefined()
  expect(keepUnreadIn('orders', '2d', '3d')).toBeUndefined()
})

test('lets a service in only for what it does in a database', () => {
  const mayIn = (database: string): unknown =>
    Object.fromEntries(Object.entries(admissionsTo(shop(), database)).map(([name, { may }]) => [name, may]))
  expect(mayIn('events')).toEqual({ api: ['publish'], mailer: ['consume'], watcher: ['rows', 'consume'] })
  expect(mayIn('orders')).toEqual({ api: ['rows', 'publish', 'consume', 'enqueue', 'work'], page: ['rows'] })
  expect(mayIn('mails')).toEqual({ api: ['enqueue'], mailer: ['rows', 'consume'], sender: ['work'] })
  expect(mayIn('other')).toEqual({ page: ['rows'] })
})

test('gives an instance that listens for events one connection more', () => {
  const { mailer } = admissionsTo(shop(), 'mails')
  expect(mailer?.connectionsMax).toBe(2 * (10 + 1))
})

test('gives a queue on RabbitMQ an outbox where it is put in, and nothing else anywhere', () => {
  const program = { command: 'node server.js' }
  const blueprint = checkBlueprint(
    {
      name: 'shop',
      databases: { orders: {}, mails: {}, other: {} },
      queues: { emails: { engine: 'rabbitmq', url: { env: 'RABBITMQ_URL' } } },
      services: {
        api: { ...program, databases: ['orders'], enqueues: ['emails'] },
        sender: { ...program, databases: ['mails'], works: ['emails'] },
        helper: { ...program, works: ['emails'] },
      },
    },
    { file: '/shop/tenfold.config.ts' },
  )
  expect(namesOf(messagingTablesOf(blueprint, 'orders')!.queues)).toEqual(['outbox/emails'])
  expect(messagingTablesOf(blueprint, 'mails')).toMatchObject({ topics: [], queues: [] })
  expect(messagingTablesOf(blueprint, 'other')).toBeUndefined()
  expect(blueprint.services['helper']?.connectsTo).toEqual([])
  expect(admissionsTo(blueprint, 'orders')).toMatchObject({ api: { may: ['rows', 'enqueue', 'work'] } })
})
