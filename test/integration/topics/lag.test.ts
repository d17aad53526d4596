import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededRandom, uniqueId } from '../../../src/core/random.ts'
import { createConsumer } from '../../../src/topics/consumer.ts'
import { lagBetween } from '../../../src/topics/lag.ts'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createPostgresLagReader } from '../../../src/topics/logs/postgres/read-lag.ts'
import { until } from '../clusters/test-bed.ts'
import type { TestLog, TopicsBed } from './topics-bed.ts'
import { createTopicsBed } from './topics-bed.ts'

let bed: TopicsBed
let topics: TestLog

beforeAll(async () => {
  bed = await createTopicsBed()
  topics = await bed.log()
})

afterAll(() => bed.end())

test('lag is what a group has before it, to the event, also of transactions that overlap', async () => {
  const log = createPostgresLog(topics.database)
  const { name } = await topics.topic(2)
  const publish = (count: number): Promise<void> =>
    log.publish(
      name,
      Array.from({ length: count }, (_, n) => ({ messageId: uniqueId(), key: String(n), payload: String(n) })),
    )
  const reader = createPostgresLagReader(topics.database)
  const lag = async () => lagBetween(undefined, await reader.read())[0]!
  await log.moveGroup(name, 'slow', 'beginning')
  await publish(20)
  expect(await lag()).toMatchObject({ topic: name, group: 'slow', messages: 20, members: 0 })
  const gate = Promise.withResolvers<void>()
  let begun = 0
  const consumer = createConsumer({
    log,
    topic: name,
    group: 'slow',
    batchMax: 4,
    handler: {
      async batch(events) {
        if (begun >= 8) await gate.promise
        begun += events.length
      },
    },
  })
  const foreign = Promise.withResolvers<void>()
  const isOpen = Promise.withResolvers<void>()
  const late = topics.database.transaction(async (tx) => {
    await log.publish(name, [{ messageId: uniqueId(), key: 'late', payload: '0' }], { transaction: tx })
    isOpen.resolve()
    await foreign.promise
  })
  await isOpen.promise
  await consumer.start()
  await until('eight are finished', async () => (await lag()).messages === 12)
  foreign.resolve()
  await late
  const now = await lag()
  expect(now).toMatchObject({ messages: 13, members: 1 })
  expect(now.oldestAgeMs).toBeGreaterThan(0)
  gate.resolve()
  await until('all are finished', async () => (await lag()).messages === 0)
  const { partitions } = await reader.read()
  expect(partitions.reduce((sum, { done }) => sum + done, 0n)).toBe(21n)
  await consumer.stop()
  await log.end()
})

test('lags that are carried on are what a count says, while groups come, move and change hands', async () => {
  const own = await bed.log()
  const log = createPostgresLog(own.database, { lease: '1s' })
  const [small, large] = [await own.topic(1), await own.topic(3)]
  const random = seededRandom(7)
  const carriedOn = createPostgresLagReader(own.database)
  const consumerOf = (name: string, group: string) =>
    createConsumer({ log, topic: name, group, batchMax: 7, handler: { async batch() {} } })
  let published = 0
  const publish = async (name: string): Promise<void> => {
    const count = 1 + random.integer(40)
    if (name === large.name) published += count
    const events = Array.from({ length: count }, (_, n) => ({ messageId: uniqueId(), key: String(n), payload: '1' }))
    await log.publish(name, events)
  }
  await carriedOn.read()
  for (let step = 0; step < 40; step++) {
    await Promise.all([publish(small.name), publish(large.name), publish(large.name)])
    if (step % 5 === 0) await log.moveGroup(large.name, `group-${step % 3}`, step % 2 === 0 ? 'beginning' : 'now')
    if (step % 4 === 1) {
      const consumer = consumerOf(step % 8 === 1 ? small.name : large.name, `group-${step % 3}`)
      await consumer.start()
      await carriedOn.read()
      await consumer.stop()
    }
    const counted = await createPostgresLagReader(own.database).read()
    const { partitions, topics: totals } = await carriedOn.read()
    const facts = (reading: typeof partitions): unknown =>
      reading.map(({ oldestAgeMs, ...rest }) => ({ ...rest, isOld: oldestAgeMs !== undefined }))
    expect(facts(partitions), `step ${step}`).toEqual(facts(counted.partitions))
    expect(totals.find(({ topic }) => topic === large.name)!.published).toBe(BigInt(published))
  }
  await log.end()
})

test('a group far behind is counted up to a limit, and then exactly when little is left', async () => {
  const own = await bed.log()
  const log = createPostgresLog(own.database)
  const { name, id } = await own.topic(2)
  await log.moveGroup(name, 'slow', 'beginning')
  await own.database.query(
    `insert into tenfold_topics.log (slice, topic, partition, message_id, payload)
     select 1, $1, n % 2, gen_random_uuid(), '1' from generate_series(1, 140000) n`,
    [id],
  )
  const reader = createPostgresLagReader(own.database)
  const lag = async () => lagBetween(undefined, await reader.read())[0]!
  expect(await lag()).toMatchObject({ messages: 100_000, isMore: true })
  const consumer = createConsumer({ log, topic: name, group: 'slow', batchMax: 10_000, handler: { async batch() {} } })
  await consumer.start()
  await until('nothing is left', async () => (await lag()).messages === 0)
  expect(await lag()).toMatchObject({ messages: 0, isMore: false, oldestAgeMs: 0 })
  await consumer.stop()
  await log.end()
})

test('a log that was set back is counted anew', async () => {
  const own = await bed.log()
  const log = createPostgresLog(own.database)
  const { name } = await own.topic(1)
  await log.moveGroup(name, 'readers', 'beginning')
  await log.publish(name, [{ messageId: uniqueId(), payload: '1' }])
  let isSetBack = false
  const reader = createPostgresLagReader({
    ...own.database,
    transaction: (work) =>
      own.database.transaction((tx) =>
        work({
          ...tx,
          async query(text: string, values?: readonly unknown[]) {
            const result = await tx.query(text, values)
            if (isSetBack) return result as never
            // As if many transactions had been that this history does not have.
            const rows = result.rows.map((row) => ('snapshot' in row ? { ...row, snapshot: '9000000:9000000:' } : row))
            return { ...result, rows } as never
          },
        }),
      ),
  })
  await reader.read()
  isSetBack = true
  expect((await reader.read()).partitions).toMatchObject([{ unread: 1, isMore: false }])
  expect((await reader.read()).partitions).toMatchObject([{ unread: 1, isMore: false }])
  await log.end()
})
