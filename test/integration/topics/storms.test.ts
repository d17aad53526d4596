import { afterAll, beforeAll, expect, test } from 'vitest'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import type { Component } from '../../../src/core/component.ts'
import type { Transaction } from '../../../src/sql/transaction.ts'
import { createConsumer } from '../../../src/topics/consumer.ts'
import type { PostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createPublisher } from '../../../src/topics/publisher.ts'
import type { TopicLog } from '../../../src/topics/topic-log.ts'
import { until } from '../clusters/test-bed.ts'
import type { TestLog, TopicsBed } from './topics-bed.ts'
import { createTopicsBed } from './topics-bed.ts'

interface Step {
  readonly key: string
  readonly step: number
}

let bed: TopicsBed
let topics: TestLog
let log: PostgresLog

beforeAll(async () => {
  bed = await createTopicsBed()
  topics = await bed.log()
  log = createPostgresLog(topics.database, { lease: '4s' })
  await topics.database.query('create table effect (number bigserial primary key, topic text, key text, step int)')
})

afterAll(async () => {
  await log.end()
  await bed.end()
})

/** Steps of each key, in order; those that have been published so far. */
function walker(topic: string, keys: number) {
  const publisher = createPublisher<Step>({ log, topic, key: 'key' })
  let steps = 0
  return {
    get steps() {
      return steps
    },
    async walk(): Promise<void> {
      const step = ++steps
      await publisher.publish(Array.from({ length: keys }, (_, key) => ({ key: `key${key}`, step })))
    },
  }
}

test('effects happen once and in order while members come and go all the time', { timeout: 120_000 }, async () => {
  const { name } = await topics.topic(6)
  const walk = walker(name, 10)
  const member = (): Component =>
    createConsumer<Step, Transaction<unknown>>({
      log,
      topic: name,
      group: 'storm',
      effects: topics.database,
      batchMax: 20,
      handler: {
        async batch(events, { transaction }) {
          for (const { value } of events) {
            await transaction.query('insert into effect (topic, key, step) values ($1, $2, $3)', [
              name,
              value.key,
              value.step,
            ])
          }
        },
      },
    })
  const members: Component[] = []
  const leaving: Promise<void>[] = []
  for (let n = 0; n < 40; n++) {
    await walk.walk()
    const joined = member()
    members.push(joined)
    await joined.start()
    if (members.length > 3) leaving.push(members.shift()!.stop())
    await sleep(systemClock, 100)
  }
  await Promise.all(leaving)
  await until('all effects are there', async () => {
    const { rows } = await topics.database.query<{ count: number }>(
      'select count(*)::int as count from effect where topic = $1',
      [name],
    )
    return rows[0]!.count >= 10 * walk.steps
  })
  await Promise.all(members.map((each) => each.stop()))
  const { rows } = await topics.database.query<{ steps: number[] }>(
    'select array_agg(step order by number) as steps from effect where topic = $1 group by key',
    [name],
  )
  expect(rows.map(({ steps }) => steps)).toEqual(
    Array.from({ length: 10 }, () => Array.from({ length: walk.steps }, (_, step) => step + 1)),
  )
})

test(
  'a slow consumer reads no more than it may have in flight, however much there is',
  { timeout: 120_000 },
  async () => {
    const { name } = await topics.topic(2)
    const walk = walker(name, 50)
    for (let n = 0; n < 20; n++) await walk.walk()
    let [read, done, most] = [0, 0, 0]
    // Counts what is handed out.
    const counted: TopicLog = {
      ...log,
      join: (options) =>
        log.join({
          ...options,
          run: (claim) =>
            options.run({
              partition: claim.partition,
              epoch: claim.epoch,
              ending: claim.ending,
              lost: claim.lost,
              commit: (sequence, more) => claim.commit(sequence, more),
              rolledBack: () => claim.rolledBack(),
              async read(max) {
                const events = await claim.read(max)
                read += events.length
                most = Math.max(most, read - done)
                return events
              },
            }),
        }),
    }
    const consumer = createConsumer<Step>({
      log: counted,
      topic: name,
      group: 'slow',
      concurrency: 2,
      inFlightMax: 30,
      handler: {
        async each() {
          await sleep(systemClock, 1)
          done++
        },
      },
    })
    await consumer.start()
    await until('all are handled', () => done === 1_000)
    await consumer.stop()
    // Each of the two partitions has its own.
    expect(most).toBeLessThanOrEqual(60)
  },
)

test('a poison message holds up nothing but itself', { timeout: 120_000 }, async () => {
  const { name } = await topics.topic(2)
  const walk = walker(name, 8)
  const seen = new Map<string, number[]>()
  const consumer = createConsumer<Step>({
    log,
    topic: name,
    group: 'poisoned',
    retry: { attempts: 5, pause: '10ms' },
    handler: {
      async each({ value: { key, step } }) {
        if (key === 'key3' && step === 5) throw new Error('poison')
        seen.set(key, [...(seen.get(key) ?? []), step])
      },
    },
  })
  await consumer.start()
  for (let n = 0; n < 50; n++) await walk.walk()
  const count = (): number => [...seen.values()].reduce((sum, steps) => sum + steps.length, 0)
  await until('all others are handled', () => count() === 8 * 50 - 1)
  for (const [key, steps] of seen) {
    const expected = Array.from({ length: 50 }, (_, step) => step + 1)
    expect(steps).toEqual(expected.filter((step) => key !== 'key3' || step !== 5))
  }
  const letters = await log.deadLetters(name, 'poisoned')
  await until('it is put aside', async () => (await letters.list()).length === 1)
  expect(await letters.list()).toMatchObject([{ key: 'key3', cause: 'poison', attempts: 5 }])
  await consumer.stop()
})
