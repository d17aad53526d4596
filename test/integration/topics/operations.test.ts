import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { uniqueId } from '../../../src/core/random.ts'
import { createConsumer } from '../../../src/topics/consumer.ts'
import { createPostgresOperations } from '../../../src/topics/logs/postgres/operations.ts'
import type { PostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import type { TopicOperations } from '../../../src/topics/topic-operations.ts'
import { until } from '../clusters/test-bed.ts'
import type { TestLog, TopicsBed } from './topics-bed.ts'
import { createTopicsBed } from './topics-bed.ts'

let bed: TopicsBed
let topics: TestLog
let log: PostgresLog
let operations: TopicOperations

beforeAll(async () => {
  bed = await createTopicsBed()
  topics = await bed.log()
  log = createPostgresLog(topics.database)
  operations = createPostgresOperations(topics.database)
})

afterAll(async () => {
  await log.end()
  await bed.end()
})

async function publish(topic: string, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) {
    await log.publish(topic, [{ messageId: uniqueId(), key: `key-${n % 5}`, payload: String(n), headers: { n: 'x' } }])
  }
}

const payloads = async (topic: string, options: Parameters<TopicOperations['peek']>[1]): Promise<number[]> =>
  (await operations.peek(topic, options)).map(({ payload }) => Number(payload))

test('the newest events are shown, the newest first, over all partitions or of one', async () => {
  const { name } = await topics.topic(3)
  expect(await payloads(name, { max: 5, which: 'newest' })).toEqual([])
  await publish(name, 1, 30)
  expect(await payloads(name, { max: 5, which: 'newest' })).toEqual([30, 29, 28, 27, 26])
  const [event] = await operations.peek(name, { max: 1, which: 'newest' })
  expect(event).toMatchObject({ payload: '30', key: 'key-0', headers: { n: 'x' } })
  const ofOne = await operations.peek(name, { max: 100, which: 'newest', partition: 1 })
  expect(new Set(ofOne.map(({ partition }) => partition))).toEqual(new Set([1]))
  expect(ofOne.length).toBeLessThan(30)
})

test('what a group has not finished is shown in order, and stays unread', async () => {
  const { name } = await topics.topic(2)
  await publish(name, 1, 20)
  const done: number[] = []
  const consumer = createConsumer({
    log,
    topic: name,
    group: 'readers',
    handler: { each: async ({ payload }) => void done.push(Number(payload)) },
  })
  await consumer.start()
  await until('all are finished', async () => done.length === 20)
  await consumer.stop()
  expect(await payloads(name, { max: 9, which: { group: 'readers' } })).toEqual([])
  await publish(name, 21, 25)
  for (let twice = 0; twice < 2; twice++) {
    expect(await payloads(name, { max: 3, which: { group: 'readers' } })).toEqual([21, 22, 23])
  }
  await log.moveGroup(name, 'readers', 'beginning')
  expect(await payloads(name, { max: 100, which: { group: 'readers' } })).toHaveLength(25)
})

test('events since a time are shown from there on', async () => {
  const { name } = await topics.topic(2)
  await publish(name, 1, 5)
  expect(await payloads(name, { max: 100, which: { sinceEpochMs: 0 } })).toEqual([1, 2, 3, 4, 5])
  const inAnHour = systemClock.epochMs() + 3_600_000
  expect((await payloads(name, { max: 100, which: { sinceEpochMs: inAnHour } })).length).toBeLessThanOrEqual(5)
})

test('a topic or a group that is not there is named, with what was probably meant, and none is made', async () => {
  const { name } = await topics.topic(1)
  await log.moveGroup(name, 'billing', 'beginning')
  await expect(operations.peek(name, { max: 1, which: { group: 'biling' } })).rejects.toMatchObject({
    code: 'TF_GROUP_UNKNOWN',
    message: expect.stringContaining('did you mean billing?'),
  })
  await expect(operations.groups('nothing')).rejects.toMatchObject({ code: 'TF_TOPIC_UNKNOWN' })
  expect(await operations.groups(name)).toEqual(['billing'])
})
