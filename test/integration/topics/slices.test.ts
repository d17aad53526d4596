import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { seededRandom, uniqueId } from '../../../src/core/random.ts'
import type { StatementRunner } from '../../../src/topics/topic-database.ts'
import { insertEvents, placeEvents } from '../../../src/topics/logs/postgres/publish.ts'
import { ensureTopic, installLayout } from '../../../src/topics/logs/postgres/layout.ts'
import { dropGroup } from '../../../src/topics/logs/postgres/drop-group.ts'
import { maintainLog } from '../../../src/topics/logs/postgres/maintain.ts'
import type { LogPosition } from '../../../src/topics/logs/postgres/position.ts'
import { BEGINNING } from '../../../src/topics/logs/postgres/position.ts'
import { readLog } from '../../../src/topics/logs/postgres/read-log.ts'
import type { PostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import type { CatalogTopic } from '../../../src/topics/logs/postgres/topic-catalog.ts'
import type { Membership } from '../../../src/topics/topic-log.ts'
import type { TestLog, TopicsBed } from './topics-bed.ts'
import { createTopicsBed } from './topics-bed.ts'

let bed: TopicsBed
let topics: TestLog
let topic: CatalogTopic & { readonly name: string }

beforeAll(async () => {
  bed = await createTopicsBed()
})

afterAll(() => bed.end())

beforeEach(async () => {
  topics = await bed.log()
  topic = await topics.topic()
})

const atOnce = { sliceMs: 0, graceMs: 0, retentionMs: 3_600_000 }

function publish(payload: string, runner: StatementRunner = topics.database): Promise<unknown> {
  return insertEvents(runner, placeEvents(topic, [{ messageId: uniqueId(), payload }], seededRandom(1)))
}

async function readAll(from: LogPosition): Promise<{ payloads: readonly string[]; position: LogPosition }> {
  const payloads: string[] = []
  let position = from
  for (let isMore = true; isMore;) {
    const batch = (await readLog(topics.database, { topic: topic.id, partition: 0, position, max: 100 }))!
    payloads.push(...batch.events.map(({ payload }) => payload))
    position = batch.positionAfter(batch.events.length)
    isMore = batch.isMore
  }
  return { payloads, position }
}

test('the layout is installed once, whoever asks and how often', async () => {
  await Promise.all(Array.from({ length: 5 }, () => installLayout(topics.database)))
  const { rows } = await topics.database.query<{ version: number }>(
    'select version from tenfold_topics.layout order by 1',
  )
  expect(rows.length).toBeGreaterThan(1)
  expect(rows.map(({ version }) => version)).toEqual(rows.map((_, index) => index + 1))
})

test('a topic keeps its number of partitions', async () => {
  await ensureTopic(topics.database, { name: 'orders', partitions: 4 })
  await ensureTopic(topics.database, { name: 'orders', partitions: 4 })
  await expect(ensureTopic(topics.database, { name: 'orders', partitions: 8 })).rejects.toMatchObject({
    code: 'TF_TOPIC_CHANGED',
  })
})

test('events go into the newest slice, are read across slices, and leave with their slice', async () => {
  await publish('one')
  expect(await maintainLog(topics.database, atOnce)).toMatchObject({ opened: [2], sealed: [1], dropped: [] })
  await publish('two')
  const first = await readAll(BEGINNING)
  expect(first.payloads).toEqual(['one', 'two'])
  expect(first.position.base.slice).toBe(2)
  const report = await maintainLog(topics.database, { ...atOnce, retentionMs: 0 })
  expect(report).toMatchObject({ opened: [3], sealed: [2], dropped: [1, 2] })
  await publish('three')
  expect((await readAll(first.position)).payloads).toEqual(['three'])
  expect((await readAll(BEGINNING)).payloads).toEqual(['three'])
})

test('a slice is not sealed before everybody who has written into it has ended, and nobody waits for that', async () => {
  const isWritten = Promise.withResolvers<void>()
  const mayCommit = Promise.withResolvers<void>()
  const late = topics.database.transaction(async (tx) => {
    await publish('late', tx)
    isWritten.resolve()
    await mayCommit.promise
  })
  await isWritten.promise
  expect(await maintainLog(topics.database, atOnce)).toMatchObject({ opened: [2], sealed: [] })
  await publish('between')
  const before = await readAll(BEGINNING)
  expect(before.payloads).toEqual(['between'])
  expect(before.position.base.slice).toBe(1)
  mayCommit.resolve()
  await late
  await maintainLog(topics.database, { ...atOnce, sliceMs: 3_600_000 })
  const after = await readAll(before.position)
  expect(after.payloads).toEqual(['late'])
  expect(after.position.base.slice).toBe(2)
})

test('what would come into a sealed slice is refused, not lost', async () => {
  const late = topics.database.transaction(
    async (tx) => {
      await tx.query('select 1')
      await maintainLog(topics.database, atOnce)
      await publish('late', tx)
    },
    { isolation: 'repeatable read' },
  )
  await expect(late).rejects.toMatchObject({ code: '23514', constraint: 'sealed' })
})

test('a slice stays while a transaction that has published is open', async () => {
  await maintainLog(topics.database, atOnce)
  await topics.database.transaction(async (tx) => {
    await publish('open', tx)
    const report = await maintainLog(topics.database, { ...atOnce, sliceMs: 3_600_000, retentionMs: 0 })
    expect(report).toMatchObject({ dropped: [], held: [{ slice: 1 }] })
  })
  const report = await maintainLog(topics.database, { ...atOnce, sliceMs: 3_600_000, retentionMs: 0 })
  expect(report).toMatchObject({ dropped: [1], held: [] })
})

describe('what a group has not read', () => {
  const later = { sliceMs: 3_600_000, graceMs: 0, retentionMs: 0 }
  let log: PostgresLog

  beforeEach(async () => {
    log = createPostgresLog(topics.database)
    await (await join()).leave(1_000)
    await publish('unread')
    await maintainLog(topics.database, atOnce)
    await publish('open')
  })

  afterEach(() => log.end())

  const join = (): Promise<Membership> => log.join({ topic: topic.name, group: 'billing', run: async () => {} })

  test('is kept, and said, until it was held for too long', async () => {
    const held = [{ slice: 1, by: `group ${topic.name}/billing` }]
    expect(await maintainLog(topics.database, later)).toMatchObject({ dropped: [], held, lost: [] })
    const options = { ...later, heldMaxMs: 3_600_000 }
    expect(await maintainLog(topics.database, options)).toMatchObject({ dropped: [], held, lost: [] })
    const report = await maintainLog(topics.database, { ...later, heldMaxMs: 0 })
    expect(report).toMatchObject({ dropped: [1], held: [], lost: [{ slice: 1, groups: [`${topic.name}/billing`] }] })
    expect((await readAll(BEGINNING)).payloads).toEqual(['open'])
  })

  test('is dropped when the log is too large, however young, but never what is open', async () => {
    const keep = { ...later, retentionMs: 3_600_000 }
    expect(await maintainLog(topics.database, { ...keep, bytesMax: 1e9 })).toMatchObject({ dropped: [], lost: [] })
    const report = await maintainLog(topics.database, { ...keep, bytesMax: 1 })
    expect(report).toMatchObject({ dropped: [1], lost: [{ slice: 1, groups: [`${topic.name}/billing`] }] })
    expect((await readAll(BEGINNING)).payloads).toEqual(['open'])
  })

  test('holds nothing any more when the group is forgotten, which it is not while it has members', async () => {
    const membership = await join()
    await expect(dropGroup(topics.database, topic.name, 'billing')).rejects.toMatchObject({ code: 'TF_GROUP_BUSY' })
    await membership.leave(1_000)
    await dropGroup(topics.database, topic.name, 'billing')
    await expect(dropGroup(topics.database, topic.name, 'billing')).rejects.toMatchObject({ code: 'TF_GROUP_UNKNOWN' })
    expect(await maintainLog(topics.database, later)).toMatchObject({ dropped: [1], held: [], lost: [] })
  })
})
