import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keyHash } from '../../../src/core/key-hash.ts'
import { seededRandom, uniqueId } from '../../../src/core/random.ts'
import type { Session } from '../../../src/sql/session.ts'
import { openSession } from '../../../src/sql/session.ts'
import type { LogPosition } from '../../../src/topics/logs/postgres/position.ts'
import { BEGINNING } from '../../../src/topics/logs/postgres/position.ts'
import { insertEvents, placeEvents } from '../../../src/topics/logs/postgres/publish.ts'
import { readLog } from '../../../src/topics/logs/postgres/read-log.ts'
import { positionAt, presentPosition, tick } from '../../../src/topics/logs/postgres/ticks.ts'
import type { CatalogTopic } from '../../../src/topics/logs/postgres/topic-catalog.ts'
import type { StatementRunner } from '../../../src/topics/topic-database.ts'
import type { TestLog, TopicsBed } from './topics-bed.ts'
import { createTopicsBed } from './topics-bed.ts'

const CONNECTIONS = 4

let bed: TopicsBed
let topics: TestLog
let sessions: readonly Session[]

beforeAll(async () => {
  bed = await createTopicsBed()
  topics = await bed.log()
  sessions = await Promise.all(Array.from({ length: CONNECTIONS }, () => open()))
})

afterAll(async () => {
  await Promise.all(sessions.map((session) => session.close()))
  await bed.end()
})

function open(): Promise<Session> {
  return openSession({ url: topics.url, applicationName: 'test', connectTimeoutMs: 10_000, statementTimeoutMs: 0 })
}

const publish = (runner: StatementRunner, topic: CatalogTopic, payload: string, key?: string): Promise<unknown> =>
  insertEvents(runner, placeEvents(topic, [{ messageId: uniqueId(), payload, key }], seededRandom(1)))

/** A reader of one partition that keeps what it was given. */
function createReader(topic: CatalogTopic, { max = 100, windowMax = 10_000, partition = 0 } = {}) {
  let position: LogPosition = BEGINNING
  const seen: { payload: string; key: string | undefined }[] = []
  return {
    seen,
    get payloads(): readonly string[] {
      return seen.map(({ payload }) => payload)
    },
    async read(): Promise<boolean> {
      const request = { topic: topic.id, partition, position, max, windowMax }
      const batch = (await readLog(topics.database, request))!
      seen.push(...batch.events)
      position = batch.positionAfter(batch.events.length)
      return batch.isMore
    },
    async readAll(): Promise<void> {
      while (await this.read());
    },
    moveTo(next: LogPosition): void {
      position = next
    },
  }
}

test('TypeScript and PostgreSQL agree on the hash of a key', async () => {
  const keys = fc.sample(
    fc.string({ unit: 'grapheme', maxLength: 40 }).filter((key) => !key.includes('\0')),
    {
      numRuns: 500,
      seed: 7,
    },
  )
  const { rows } = await topics.database.query<{ hash: string }>(
    'select hashtextextended(key, 0)::text as hash from unnest($1::text[]) key',
    [keys],
  )
  const hashes = keys.map((key) => {
    const { high, low } = keyHash(key)
    return String(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)))
  })
  expect(hashes).toEqual(rows.map(({ hash }) => hash))
})

describe('reading the log', () => {
  type Step =
    | { readonly kind: 'touch' | 'savepoint' | 'rollbackTo' | 'commit' | 'rollback'; readonly connection: number }
    | { readonly kind: 'publish'; readonly connection: number; readonly key: string; readonly count: number }
    | { readonly kind: 'read'; readonly reader: number }
    | { readonly kind: 'tick' }

  const connection = fc.nat(CONNECTIONS - 1)
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('publish' as const),
        connection,
        key: fc.constantFrom('a', 'b', 'c'),
        count: fc.integer({ min: 1, max: 4 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('touch' as const), connection }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('commit' as const), connection }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constantFrom('rollback', 'savepoint', 'rollbackTo'), connection }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), reader: fc.nat(1) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('tick' as const) }) },
  )

  /** A transaction as the model sees it. */
  interface Open {
    published: { key: string; payload: string }[]
    savepoint: number | undefined
  }

  test('gives each committed event once, and those of a key in the order of the commits', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const topic = await topics.topic()
        // One that reads often and little, one that seldom reads and takes ticks for its way.
        const readers = [createReader(topic, { max: 3 }), createReader(topic, { max: 5, windowMax: 4 })]
        const open: (Open | undefined)[] = sessions.map(() => undefined)
        const committed: { key: string; payload: string }[] = []
        let count = 0
        const begin = async (at: number): Promise<Open> => {
          if (open[at] === undefined) {
            await sessions[at]!.query('begin')
            open[at] = { published: [], savepoint: undefined }
          }
          return open[at]
        }
        const end = async (at: number, how: 'commit' | 'rollback'): Promise<void> => {
          const transaction = open[at]
          if (transaction === undefined) return
          await sessions[at]!.query(how)
          if (how === 'commit') committed.push(...transaction.published)
          open[at] = undefined
        }
        for (const now of steps) {
          if (now.kind === 'tick') {
            // The pause between two is left out.
            await topics.database.query(`update tenfold_topics.tick set at = at - interval '2 seconds'`)
            await tick(topics.database)
          } else if (now.kind === 'read') await readers[now.reader]!.read()
          else if (now.kind === 'commit' || now.kind === 'rollback') await end(now.connection, now.kind)
          else if (now.kind === 'touch') {
            // It takes its number long before it publishes, if it does.
            await begin(now.connection)
            await sessions[now.connection]!.query('select pg_current_xact_id()')
          } else if (now.kind === 'publish') {
            // Whoever publishes for a key holds its lock; the others would wait, so they don't try.
            const isLocked = open.some(
              (other, at) => at !== now.connection && other?.published.some(({ key }) => key === now.key),
            )
            if (isLocked) continue
            const transaction = await begin(now.connection)
            for (let n = 0; n < now.count; n++) {
              const payload = String(++count)
              await publish(sessions[now.connection]!, topic, payload, now.key)
              transaction.published.push({ key: now.key, payload })
            }
          } else {
            const transaction = await begin(now.connection)
            if (now.kind === 'savepoint') {
              await sessions[now.connection]!.query('savepoint here')
              transaction.savepoint = transaction.published.length
            } else if (transaction.savepoint !== undefined) {
              await sessions[now.connection]!.query('rollback to here')
              transaction.published.length = transaction.savepoint
            }
          }
        }
        for (const at of sessions.keys()) await end(at, at % 2 === 0 ? 'commit' : 'rollback')
        for (const reader of readers) {
          await reader.readAll()
          for (const key of ['a', 'b', 'c']) {
            const of = (events: readonly { key: string | undefined; payload: string }[]): readonly string[] =>
              events.filter((event) => event.key === key).map(({ payload }) => payload)
            expect(of(reader.seen)).toEqual(of(committed))
          }
          expect(reader.seen).toHaveLength(committed.length)
        }
      }),
      { numRuns: 40, timeout: 30_000 },
    )
  })

  test('keeps the order of commits where the later one had its number earlier', async () => {
    const topic = await topics.topic()
    const [early, late] = sessions as [Session, Session]
    const reader = createReader(topic)
    await early.query('begin; select pg_current_xact_id()')
    await late.query('begin')
    await publish(late, topic, 'first', 'a')
    await late.query('commit')
    await publish(early, topic, 'second', 'a')
    await early.query('commit')
    await reader.readAll()
    expect(reader.payloads).toEqual(['first', 'second'])
  })

  test('is not held up by a transaction that has long been open, and finds what it publishes at its end', async () => {
    const topic = await topics.topic()
    const [foreign] = sessions as [Session]
    const reader = createReader(topic)
    await foreign.query('begin; create temporary table held (n int) on commit drop')
    for (let n = 0; n < 50; n++) {
      await publish(topics.database, topic, String(n), 'a')
      await reader.read()
      expect(reader.payloads).toHaveLength(n + 1)
    }
    await publish(foreign, topic, 'last', 'a')
    await publish(topics.database, topic, 'between', 'b')
    await reader.read()
    await foreign.query('commit')
    await reader.readAll()
    expect(reader.payloads.slice(50)).toEqual(['between', 'last'])
  })

  test('reads a backlog in batches, whether ticks divide it or not', async () => {
    const topic = await topics.topic()
    const events = Array.from({ length: 1_000 }, (_, n) => ({ messageId: uniqueId(), payload: String(n), key: 'a' }))
    for (let at = 0; at < 1_000; at += 100) {
      await insertEvents(topics.database, placeEvents(topic, events.slice(at, at + 100), seededRandom(1)))
      await topics.database.query(`update tenfold_topics.tick set at = at - interval '2 seconds'`)
      if (at > 500) await tick(topics.database)
    }
    const reader = createReader(topic, { max: 30, windowMax: 50 })
    await reader.readAll()
    expect(reader.payloads).toEqual(events.map(({ payload }) => payload))
  })

  test('goes back to a time, and to the present', async () => {
    const topic = await topics.topic()
    await publish(topics.database, topic, 'old')
    await topics.database.query(`update tenfold_topics.tick set at = at - interval '1 minute'`)
    await tick(topics.database)
    const { rows } = await topics.database.query<{ ms: number }>(
      `select ceil(extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
    )
    await publish(topics.database, topic, 'new')
    const reader = createReader(topic)
    reader.moveTo(await positionAt(topics.database, rows[0]!.ms + 1))
    await reader.readAll()
    expect(reader.payloads).toEqual(['new'])
    reader.moveTo(await positionAt(topics.database, 0))
    await reader.readAll()
    expect(reader.payloads).toEqual(['new', 'old', 'new'])
    reader.moveTo(await presentPosition(topics.database))
    await reader.readAll()
    expect(reader.payloads).toHaveLength(3)
  })
})
