import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { uniqueId } from '../../../src/core/random.ts'
import { createConsumer } from '../../../src/topics/consumer.ts'
import { lagBetween } from '../../../src/topics/lag.ts'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { readLag } from '../../../src/topics/logs/postgres/read-lag.ts'
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
  const lag = async () => lagBetween(undefined, await readLag(topics.database, systemClock))[0]!
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
  const { partitions } = await readLag(topics.database, systemClock)
  expect(partitions.reduce((sum, { done }) => sum + done, 0n)).toBe(21n)
  await consumer.stop()
  await log.end()
})
