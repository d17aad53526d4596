import { afterAll, beforeAll, expect, test } from 'vitest'
import { uniqueId } from '../../../src/core/random.ts'
import { connectDatabase } from '../../../src/sql/database.ts'
import { createConsumer } from '../../../src/topics/consumer.ts'
import { ensureTopic } from '../../../src/topics/logs/postgres/layout.ts'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createRelay } from '../../../src/topics/outbox-relay.ts'
import { createPublisher } from '../../../src/topics/publisher.ts'
import { until } from '../clusters/test-bed.ts'
import type { TestLog, TopicsBed } from './topics-bed.ts'
import { createTopicsBed } from './topics-bed.ts'

let bed: TopicsBed
let shop: TestLog
let central: TestLog

beforeAll(async () => {
  bed = await createTopicsBed()
  ;[shop, central] = await Promise.all([bed.log(), bed.log()])
})

afterAll(() => bed.end())

test('what commits in one database arrives in the log of another, once and in order, whatever the relays do', async () => {
  const topic = { name: 'orders', partitions: 3 }
  for (const { database } of [shop, central]) await ensureTopic(database, topic)
  await shop.database.query('create table account (id text primary key, version int not null)')
  await shop.database.query(`insert into account select 'user' || n, 0 from generate_series(0, 4) n`)
  const outbox = createPostgresLog(shop.database, { lease: '4s' })
  const log = createPostgresLog(central.database, { lease: '4s' })
  const publisher = createPublisher<{ user: string; version: number }>({ log: outbox, topic: 'orders', key: 'user' })
  const seen = new Map<string, number[]>()
  const consumer = createConsumer<{ user: string; version: number }>({
    log,
    topic: 'orders',
    group: 'watch',
    handler: {
      async each({ value: { user, version } }) {
        seen.set(user, [...(seen.get(user) ?? []), version])
      },
    },
  })
  await consumer.start()
  const relay = () => createRelay({ outbox, log, database: central.database, topic: 'orders' })
  const change = async (n: number): Promise<void> => {
    const user = `user${n % 5}`
    await shop.database
      .transaction(async (transaction) => {
        const { rows } = await transaction.query<{ version: number }>(
          'update account set version = version + 1 where id = $1 returning version',
          [user],
        )
        await publisher.publish({ user, version: rows[0]!.version }, { transaction })
        if (n % 10 === 3) throw new Error('changed his mind')
      })
      .catch((error: unknown) => {
        if (n % 10 !== 3) throw error
      })
  }
  const changes = async (from: number): Promise<void> => {
    await Promise.all(Array.from({ length: 100 }, (_, n) => change(from + n)))
  }
  const first = relay()
  await first.start()
  await changes(0)
  const second = relay()
  await second.start()
  await changes(100)
  await first.stop()
  await changes(200)
  const { rows } = await shop.database.query<{ id: string; version: number }>('select * from account order by id')
  await until('all have arrived', () => rows.every(({ id, version }) => seen.get(id)?.at(-1) === version))
  for (const { id, version } of rows) expect(seen.get(id)).toEqual(Array.from({ length: version }, (_, n) => n + 1))
  await Promise.all([second.stop(), consumer.stop()])
  await Promise.all([outbox.end(), log.end()])
})

test('publishing in a transaction takes no second connection, not even the first time', async () => {
  const { name } = await central.topic()
  const narrow = connectDatabase({ url: central.url, connectionsMax: 1 }, { acquireTimeout: '1s' })
  const log = createPostgresLog(narrow)
  await narrow.transaction((transaction) =>
    log.publish(name, [{ messageId: uniqueId(), payload: '1' }], { transaction }),
  )
  await log.end()
  await narrow.end()
})

test('an event without its key is not published', async () => {
  const log = createPostgresLog(central.database)
  const { name } = await central.topic()
  const publisher = createPublisher<{ user?: string }>({ log, topic: name, key: 'user' })
  await expect(publisher.publish({})).rejects.toMatchObject({ code: 'TF_EVENT_INVALID' })
  await log.end()
})
