import { expect, test } from 'vitest'
import { checkBlueprint } from '../../src/blueprint/check.ts'
import type { ResolvedBlueprint } from '../../src/blueprint/resolved-blueprint.ts'
import { admissionsTo } from '../../src/runtime/service-bindings.ts'
import { topicTablesOf } from '../../src/runtime/topic-tables.ts'

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
      services: {
        api: { ...program, databases: ['orders'], publishes: ['placed'] },
        mailer: { ...program, databases: ['mails'], consumes: ['placed'] },
        watcher: { ...program, databases: ['events'], consumes: ['paid'] },
        page: { ...program, databases: ['orders', 'other'] },
      },
    },
    { file: '/shop/tenfold.config.ts' },
  )
}

test('makes the log where a topic is, an outbox where it is published from, and an inbox where it has effects', () => {
  const tablesOf = (database: string): unknown => {
    const tables = topicTablesOf(shop(), database)
    return tables && { ...tables, topics: tables.topics.map(({ name }) => name) }
  }
  expect(tablesOf('events')).toEqual({ topics: ['placed', 'paid'], retentionMs: 86_400_000 })
  expect(tablesOf('orders')).toEqual({ topics: ['placed'], retentionMs: 86_400_000 })
  expect(tablesOf('mails')).toEqual({ topics: [], retentionMs: 0 })
  expect(tablesOf('other')).toBeUndefined()
})

test('lets a service in only for what it does in a database', () => {
  const mayIn = (database: string): unknown =>
    Object.fromEntries(Object.entries(admissionsTo(shop(), database)).map(([name, { may }]) => [name, may]))
  expect(mayIn('events')).toEqual({ api: ['publish'], mailer: ['consume'], watcher: ['rows', 'consume'] })
  expect(mayIn('orders')).toEqual({ api: ['rows', 'publish', 'consume'], page: ['rows'] })
  expect(mayIn('mails')).toEqual({ mailer: ['rows', 'consume'] })
  expect(mayIn('other')).toEqual({ page: ['rows'] })
})

test('gives an instance that listens for events one connection more', () => {
  const { mailer } = admissionsTo(shop(), 'mails')
  expect(mailer?.connectionsMax).toBe(2 * (10 + 1))
})
