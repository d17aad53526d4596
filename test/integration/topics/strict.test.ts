import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshSeed, seededRandom } from '../../../src/core/random.ts'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createPublisher } from '../../../src/topics/publisher.ts'
import { until } from '../clusters/test-bed.ts'
import type { TestLog, TopicsBed } from './topics-bed.ts'
import { createTopicsBed } from './topics-bed.ts'

const KEYS = ['a', 'b', 'c', 'd']
const WRITERS = 8
const ROUNDS = 12

let bed: TopicsBed
let topics: TestLog

beforeAll(async () => {
  bed = await createTopicsBed()
  topics = await bed.log()
  // Written right before each commit, in the order of which it takes numbers, by those who hold the lock of the key.
  await topics.database.query('create table ended (number bigserial primary key, label text not null)')
})

afterAll(() => bed.end())

/** Transactions that overlap and publish keys that they lock nowhere; how many pairs of a key are not in the order of their ends. */
async function countDisorder(isStrict: boolean): Promise<number> {
  const random = seededRandom(freshSeed())
  const { name, id } = await topics.topic(2)
  const log = createPostgresLog(topics.database)
  const publisher = createPublisher<{ key: string; label: string }>({ log, topic: name, key: 'key', isStrict })
  const turn = (): Promise<unknown> => topics.database.query('select pg_sleep($1)', [random.integer(8) / 1e3])
  const write = async (writer: number): Promise<void> => {
    for (let n = 0; n < ROUNDS; n++) {
      const keys = random.next() < 0.3 ? [random.pick(KEYS), random.pick(KEYS)] : [random.pick(KEYS)]
      const events = keys.map((key, index) => ({ key, label: `${id}:${writer}.${n}.${index}` }))
      await topics.database.transaction(async (transaction) => {
        await transaction.query('select pg_current_xact_id()')
        await turn()
        await publisher.publish(events, { transaction })
        await turn()
        for (const { label } of events) await transaction.query('insert into ended (label) values ($1)', [label])
      })
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
  await log.end()
  const { rows } = await topics.database.query<{ count: number }>(
    `with event as (
       select log.key, log.id, ended.number from tenfold_topics.log
       join ended on ended.label = log.payload::json ->> 'label' where topic = $1
     )
     select count(*)::int as count from event one join event other
       on one.key = other.key and one.id < other.id and one.number > other.number`,
    [id],
  )
  return rows[0]!.count
}

test('published strictly, events of a key have the order of the commits, though their writers lock nothing', async () => {
  expect(await countDisorder(true)).toBe(0)
})

test('without, transactions that overlap are in any order', async () => {
  expect(await countDisorder(false)).toBeGreaterThan(0)
})

test('outside of transactions a strict publish waits for its key, and other publishes do not wait for it', async () => {
  const { name } = await topics.topic()
  const log = createPostgresLog(topics.database)
  const strict = createPublisher<{ key: string }>({ log, topic: name, key: 'key', isStrict: true })
  const other = createPublisher<{ key: string }>({ log, topic: name, key: 'key' })
  let isPublished = false
  let waiting: Promise<void> | undefined
  await topics.database.transaction(async (transaction) => {
    await strict.publish({ key: 'a' }, { transaction })
    waiting = strict.publish({ key: 'a' }).then(() => void (isPublished = true))
    await until('it waits for the lock', async () => {
      const { rows } = await bed.admin.query(`select from pg_locks where locktype = 'advisory' and not granted`)
      return rows.length === 1
    })
    await other.publish({ key: 'a' })
    expect(isPublished).toBe(false)
  })
  await waiting
  expect(isPublished).toBe(true)
  await log.end()
})
