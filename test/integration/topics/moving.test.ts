import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { uniqueId } from '../../../src/core/random.ts'
import { createConsumer } from '../../../src/topics/consumer.ts'
import { createMovingLog, createMovingRelay } from '../../../src/topics/logs/moving-log.ts'
import { ensureTopic } from '../../../src/topics/logs/postgres/layout.ts'
import { maintainLog } from '../../../src/topics/logs/postgres/maintain.ts'
import {
  beginElsewhere,
  beginMove,
  finishMove,
  noteEngine,
  readMove,
  returnMove,
  topicsElsewhere,
  undrained,
} from '../../../src/topics/logs/postgres/move-topic.ts'
import type { PostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createPostgresLagReader } from '../../../src/topics/logs/postgres/read-lag.ts'
import type { PartitionClaim, TopicLog } from '../../../src/topics/topic-log.ts'
import { until } from '../clusters/test-bed.ts'
import type { TestLog, TopicsBed } from './topics-bed.ts'
import { createTopicsBed } from './topics-bed.ts'

/* The other log is one in PostgreSQL as well: moving asks no more of it than the port says. */

let bed: TopicsBed
let here: TestLog
let there: TestLog
let from: PostgresLog
let to: PostgresLog
let topic: string

beforeAll(async () => {
  bed = await createTopicsBed()
})
afterAll(() => bed.end())

beforeEach(async () => {
  ;[here, there] = await Promise.all([bed.log(), bed.log()])
  topic = (await here.topic(2)).name
  await ensureTopic(there.database, { name: topic, partitions: 2 })
  await here.database.query('create table effect (number bigserial, payload text)')
  from = createPostgresLog(here.database, { lease: '2s' })
  to = createPostgresLog(there.database, { lease: '2s' })
  return async () => void (await Promise.all([from.end(), to.end()]))
})

const movingLog = (): TopicLog => createMovingLog({ from, to, database: here.database })

async function publish(...payloads: string[]): Promise<void> {
  await from.publish(
    topic,
    payloads.map((payload) => ({ messageId: uniqueId(), key: payload[0]!, payload: JSON.stringify(payload) })),
  )
}

/** Notes in `effect`, in transactions there, what it gets; with the old log progress is in the same transaction. */
function consumer(log: TopicLog) {
  return createConsumer<string, { query(text: string, values: readonly unknown[]): Promise<unknown> } & never>({
    log,
    topic,
    group: 'billing',
    effects: here.database as never,
    batchMax: 5,
    handler: {
      async batch(events, { transaction }) {
        for (const { value } of events) {
          await (transaction as typeof here.database).query('insert into effect (payload) values ($1)', [value])
        }
      },
    },
  })
}

async function effects(): Promise<readonly string[]> {
  const { rows } = await here.database.query<{ payload: string }>('select payload from effect order by number')
  return rows.map(({ payload }) => payload)
}

function ofKey(key: string, payloads: readonly string[]): readonly string[] {
  return payloads.filter((payload) => payload.startsWith(key))
}

const numbered = (key: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `${key}${n}`)

describe('a topic that moves to another log', () => {
  test('goes on there behind its end: nothing is lost or done twice, and keys keep their order', async () => {
    const keys = ['a', 'b', 'c', 'd']
    const old = consumer(from)
    const [first, second] = [consumer(movingLog()), consumer(movingLog())]
    await old.start()
    await Promise.all([first.start(), second.start()])
    const relay = createMovingRelay({ from, to, database: here.database, topic })
    await relay.start()
    const rounds = 120
    const publishing = (async () => {
      for (let n = 0; n < rounds; n++) {
        await publish(...keys.map((key) => `${key}${n}`))
        await sleep(systemClock, 10)
      }
    })()
    await until('it works', async () => (await effects()).length > 40)
    await beginMove(here.database, topic)
    await publishing
    await until('all are there', async () => (await effects()).length >= rounds * keys.length)
    const seen = await effects()
    for (const key of keys) expect(ofKey(key, seen)).toEqual(numbered(key, rounds))
    const { rows } = await there.database.query<{ count: number }>(
      'select count(*)::int as count from tenfold_topics.log',
    )
    expect(rows[0]?.count).toBeGreaterThan(0)
    expect(rows[0]?.count).toBeLessThan(rounds * keys.length)
    await until('all is drained', async () => (await undrained(here.database, topic)).length === 0)
    await finishMove(here.database, topic)
    await publish('a120')
    await until('it goes on', async () => (await effects()).includes('a120'))
    await Promise.all([relay.stop(), old.stop(), first.stop(), second.stop()])
  })

  test('is read to its end by members that know nothing of the move, and no further', async () => {
    await publish('a0', 'b0')
    const old = consumer(from)
    await beginMove(here.database, topic)
    await publish('a1', 'b1')
    await old.start()
    await until('what was before is done', async () => (await effects()).length === 2)
    await until('all is drained', async () => (await undrained(here.database, topic)).length === 0)
    await publish('a2')
    await sleep(systemClock, 1_000)
    expect((await effects()).toSorted()).toEqual(['a0', 'b0'])
    // What is behind the end is the relay's.
    const { partitions } = await createPostgresLagReader(here.database).read()
    const unread = (group: string) =>
      partitions.filter((each) => each.group === group).reduce((sum, each) => sum + each.unread, 0)
    expect([unread('billing'), unread('tenfold.relay')]).toEqual([0, 3])
    await old.stop()
  })

  test('fences who reads it when the move begins: what is behind the end can not be committed', async () => {
    await publish('a0')
    const claims: PartitionClaim[] = []
    const membership = await from.join({
      topic,
      group: 'billing',
      async run(claim) {
        claims.push(claim)
        await new Promise((resolve) => {
          claim.ending.addEventListener('abort', resolve)
          claim.lost.addEventListener('abort', resolve)
        })
      },
    })
    await beginMove(here.database, topic)
    await publish('a1')
    const reader = (await Promise.all(claims.map(async (claim) => ({ claim, events: await claim.read(10) })))).find(
      ({ events }) => events.length > 0,
    )!
    expect(reader.events.map(({ payload }) => payload)).toContain('"a1"')
    await expect(reader.claim.commit(reader.events.length)).rejects.toMatchObject({ code: 'TF_CLAIM_LOST' })
    await membership.leave(1_000)
  })

  test('goes back behind what was read here, and what was done there is not done again', async () => {
    const moving = consumer(movingLog())
    await moving.start()
    const relay = createMovingRelay({ from, to, database: here.database, topic })
    await relay.start()
    await publish('a0')
    await beginMove(here.database, topic)
    await publish('a1', 'a2')
    await until('it was done there', async () => (await effects()).length === 3)
    await Promise.all([relay.stop(), moving.stop()])
    await publish('a3')
    await returnMove(here.database, topic)
    // Also for one that commits its progress with the effects, and knows nothing of any move.
    const old = consumer(from)
    await old.start()
    await publish('a4')
    await until('the rest is done here', async () => (await effects()).includes('a4'))
    expect(await effects()).toEqual(numbered('a', 5))
    await old.stop()
  })

  test('is read by members of both kinds in turns: what one has done the other does not do again', async () => {
    await publish(...numbered('a', 40))
    for (let n = 0; n < 8; n++) {
      const one = consumer(n % 2 === 0 ? movingLog() : from)
      await one.start()
      await until(
        'it has done something',
        async () => (await effects()).length > n * 3 || (await effects()).length === 40,
      )
      // As if it were killed: what it has done and not committed yet is the next one's.
      await here.database.query(`update tenfold_topics.progress set lease_until = '-infinity'`)
      await here.database.query(`update tenfold_topics.member set seen_at = '-infinity'`)
      void one.stop(0)
    }
    const last = consumer(from)
    await last.start()
    await until('all are done', async () => (await effects()).length >= 40)
    expect(await effects()).toEqual(numbered('a', 40))
    await last.stop()
  })

  test('puts aside in the new log what can not be handled there', async () => {
    await beginMove(here.database, topic)
    const relay = createMovingRelay({ from, to, database: here.database, topic })
    await relay.start()
    const strict = createConsumer<string>({
      log: movingLog(),
      topic,
      group: 'billing',
      retry: { attempts: 1 },
      handler: { batch: () => Promise.reject(new Error('no')) },
    })
    await strict.start()
    await publish('a0')
    const letters = await from.deadLetters(topic, 'billing')
    await until('it is put aside', async () => (await letters.list()).length === 1)
    await Promise.all([strict.stop(), relay.stop()])
  })

  test('can be moved again, and keeps what it needs for the way back until it is finished', async () => {
    const old = consumer(from)
    await old.start()
    await publish('a0')
    for (let n = 0; n < 2; n++) {
      await beginMove(here.database, topic)
      await beginMove(here.database, topic)
      expect(await readMove(here.database, topic)).toBe('moving')
      await returnMove(here.database, topic)
      await returnMove(here.database, topic)
      expect(await readMove(here.database, topic)).toBe('returned')
    }
    await beginMove(here.database, topic)
    await until('all is drained', async () => (await undrained(here.database, topic)).length === 0)
    await old.stop()
    const atOnce = { sliceMs: 0, graceMs: 0, retentionMs: 0 }
    await maintainLog(here.database, atOnce)
    expect((await maintainLog(here.database, atOnce)).held).not.toEqual([])
    await finishMove(here.database, topic)
    await expect(returnMove(here.database, topic)).rejects.toMatchObject({ code: 'TF_TOPIC_MOVING' })
  })

  test('is not finished while a group has not read it to the end', async () => {
    await publish('a0')
    const reader = await from.join({ topic, group: 'slow', run: async () => {} })
    await reader.leave(1_000)
    await expect(finishMove(here.database, topic)).rejects.toMatchObject({ code: 'TF_TOPIC_MOVING' })
    await beginMove(here.database, topic)
    await expect(finishMove(here.database, topic)).rejects.toMatchObject({ message: expect.stringContaining('slow/0') })
    await expect(beginMove(here.database, 'none')).rejects.toMatchObject({ code: 'TF_TOPIC_UNKNOWN' })
  })

  test('has moved from the start if nobody has used it, and is an outbox of the other log then', async () => {
    expect(await beginElsewhere(here.database, topic)).toBe(true)
    expect(await beginElsewhere(here.database, topic)).toBe(false)
    expect(await readMove(here.database, topic)).toBe('moved')
    expect(await topicsElsewhere(here.database, [topic, 'other'])).toEqual([topic])
    const moving = consumer(movingLog())
    await moving.start()
    await publish('a0')
    await to.publish(topic, [{ messageId: uniqueId(), key: 'b', payload: '"b0"' }])
    // One that starts after what it carries.
    const relay = createMovingRelay({ from, to, database: here.database, topic })
    await relay.start()
    await until('both are done', async () => (await effects()).length === 2)
    expect((await effects()).toSorted()).toEqual(['a0', 'b0'])
    await Promise.all([relay.stop(), moving.stop()])
    // Nothing that nobody carries keeps the slices of the other topics there.
    const atOnce = { sliceMs: 0, graceMs: 0, retentionMs: 0 }
    const unused = await here.topic(1)
    expect(await beginElsewhere(here.database, unused.name)).toBe(true)
    await here.database.query(`delete from tenfold_topics.consumer_group`)
    await maintainLog(here.database, atOnce)
    expect((await maintainLog(here.database, atOnce)).held).toEqual([])
  })

  test('is on one engine, once it is elsewhere', async () => {
    expect(await noteEngine(here.database, topic, 'rabbitmq')).toBe('rabbitmq')
    expect(await noteEngine(here.database, topic, 'kafka')).toBe('kafka')
    await beginElsewhere(here.database, topic)
    expect(await noteEngine(here.database, topic, 'rabbitmq')).toBe('kafka')
  })

  test('stays where it is if it has events or groups', async () => {
    await publish('a0')
    expect(await beginElsewhere(here.database, topic)).toBe(false)
    const other = await here.topic(1)
    const membership = await from.join({ topic: other.name, group: 'billing', run: async () => {} })
    await membership.leave(1_000)
    expect(await beginElsewhere(here.database, other.name)).toBe(false)
    expect(await readMove(here.database, topic)).toBe('none')
  })

  test('is joined there by a group that is new once it has moved, which begins where it is told to', async () => {
    await publish('a0')
    await beginMove(here.database, topic)
    await finishMove(here.database, topic)
    await to.publish(topic, [{ messageId: uniqueId(), key: 'a', payload: '"a1"' }])
    const read: string[] = []
    const membership = await movingLog().join({
      topic,
      group: 'late',
      from: 'now',
      async run(claim) {
        expect(claim.commitsInTransaction).toBe(false)
        while (!claim.ending.aborted && !claim.lost.aborted) {
          for (const { payload, sequence } of await claim.read(10)) {
            read.push(payload)
            await claim.commit(sequence)
          }
          await sleep(systemClock, 20, claim.ending).catch(() => undefined)
        }
      },
    })
    await to.publish(topic, [{ messageId: uniqueId(), key: 'a', payload: '"a2"' }])
    await until('it reads', async () => read.length > 0)
    expect(read).toEqual(['"a2"'])
    await membership.leave(1_000)
  })
})
