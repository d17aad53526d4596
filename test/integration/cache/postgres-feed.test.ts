import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CacheTransaction, InvalidationFeed } from '../../../src/cache/invalidation-feed.ts'
import {
  createPostgresFeed,
  ensureInvalidations,
  INVALIDATIONS_TOPIC,
} from '../../../src/cache/invalidation-feeds/postgres.ts'
import { createCache } from '../../../src/cache/cache.ts'
import { followFeed } from '../../../src/cache/follow-feed.ts'
import { uniqueId } from '../../../src/core/random.ts'
import { connectDatabase } from '../../../src/sql/database.ts'
import { maintainLog } from '../../../src/topics/logs/postgres/maintain.ts'
import type { PostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { feedCases } from '../../cache/contract/feed-contract.ts'
import { until } from '../clusters/test-bed.ts'
import type { TestLog, TopicsBed } from '../topics/topics-bed.ts'
import { createTopicsBed } from '../topics/topics-bed.ts'

let bed: TopicsBed
let topics: TestLog
/** What ends with the file. */
const ends: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  bed = await createTopicsBed()
  topics = await bed.log()
  await ensureInvalidations(topics.database)
  await ensureInvalidations(topics.database)
})

afterAll(async () => {
  for (const end of ends.toReversed()) await end()
  await bed.end()
})

function openFeed(database = topics.database): { feed: InvalidationFeed; log: PostgresLog } {
  const log = createPostgresLog(database)
  ends.push(() => log.end())
  return { feed: createPostgresFeed({ database, log }), log }
}

async function trim(): Promise<void> {
  const { dropped } = await maintainLog(topics.database, { sliceMs: 0, graceMs: 0, retentionMs: 0 })
  expect(dropped.length).toBeGreaterThan(0)
}

describe('the feed in PostgreSQL', () => {
  test.each(feedCases)('$name', async ({ run }) => {
    const other = connectDatabase({ url: topics.url, connectionsMax: 4 })
    ends.push(() => other.end())
    await run({
      feed: openFeed().feed,
      other: openFeed(other).feed,
      transaction: (work) => topics.database.transaction((tx) => work(tx as CacheTransaction)),
      trim,
    })
  })

  test('what nobody understands drops everything', async () => {
    const { feed, log } = openFeed()
    const { position } = await feed.read()
    await log.publish(INVALIDATIONS_TOPIC, [{ messageId: uniqueId(), payload: '{"cache":"a","from":"the future"}' }])
    expect(await feed.read(position)).toMatchObject({ hasGap: true, invalidations: [] })
  })

  test('refuses a transaction of a database that has no outbox', async () => {
    const { feed } = openFeed()
    const work = bed.admin.transaction((transaction) =>
      feed.publish([{ cache: 'a', keys: ['1'] }], { transaction: transaction as CacheTransaction }),
    )
    await expect(work).rejects.toMatchObject({ code: 'TF_OPTION_INVALID' })
  })

  test('a position from before a crash of the server is a gap', async () => {
    const { feed } = openFeed()
    const { position } = await feed.read()
    await bed.crash()
    const read = await feed.read(position)
    expect(read.hasGap).toBe(true)
    expect(await feed.read(read.position)).toMatchObject({ hasGap: false, isAtEnd: true })
  })
})

test('two caches: what one invalidates with a transaction the other sees soon, though it only peeks', async () => {
  await topics.database.query('create table recipe (id int primary key, name text not null)')
  await topics.database.query(`insert into recipe values (1, 'soup')`)
  const connections = [1, 2].map(() => connectDatabase({ url: topics.url, connectionsMax: 4 }))
  const [first, second] = connections.map((database) => {
    const coherence = followFeed({ feed: openFeed(database).feed })
    const cache = createCache<string>({ name: 'recipes', ttl: '1h', coherence })
    ends.push(
      () => database.end(),
      async () => coherence.end(),
    )
    const load = async (): Promise<string> => {
      const { rows } = await database.query<{ name: string }>('select name from recipe where id = 1')
      return rows[0]!.name
    }
    return { database, cache, get: () => cache.get('1', load) }
  }) as [Side, Side]
  expect([await first.get(), await second.get()]).toEqual(['soup', 'soup'])
  await first.database.transaction(async (transaction) => {
    await transaction.query(`update recipe set name = 'stew' where id = 1`)
    await first.cache.invalidate('1', { transaction: transaction as CacheTransaction })
    expect(await second.get()).toBe('soup')
  })
  expect(await first.get()).toBe('stew')
  await until('the other has been told', () => second.cache.peek('1') === undefined)
  expect(await second.get()).toBe('stew')
  expect(second.cache.peek('1')).toBe('stew')
})

interface Side {
  readonly database: ReturnType<typeof connectDatabase>
  readonly cache: ReturnType<typeof createCache<string>>
  get(): Promise<string>
}
