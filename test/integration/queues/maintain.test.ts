import { afterAll, beforeAll, expect, test } from 'vitest'
import { uniqueId } from '../../../src/core/random.ts'
import type { NewItem, QueueWorker } from '../../../src/queues/queue-engine.ts'
import { maintainQueues } from '../../../src/queues/queues/postgres/maintain.ts'
import { createPostgresQueues } from '../../../src/queues/queues/postgres/postgres-queues.ts'
import { until } from '../clusters/test-bed.ts'
import type { QueuesBed, TestQueues } from './queues-bed.ts'
import { createQueuesBed } from './queues-bed.ts'

let bed: QueuesBed

beforeAll(async () => {
  bed = await createQueuesBed()
})

afterAll(() => bed.end())

const items = (count: number): NewItem[] =>
  Array.from({ length: count }, (_, n) => ({ itemId: uniqueId(), priority: 'normal', payload: String(n) }))

/** Somebody who looks at the database as it is now, for as long as a test wants. */
async function holdSnapshot({ database }: TestQueues): Promise<() => Promise<void>> {
  const [held, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const holder = database.transaction(
    async (tx) => {
      await tx.query('select 1 from pg_class limit 1')
      held.resolve()
      await gate.promise
    },
    { isolation: 'repeatable read' },
  )
  await held.promise
  return async () => {
    gate.resolve()
    await holder
  }
}

async function workOff(worker: QueueWorker, count: number): Promise<void> {
  for (let done = 0; done < count;) {
    const claimed = await worker.claim(200)
    await worker.complete(claimed)
    done += claimed.length
  }
}

async function deadRows({ database }: TestQueues, table: string): Promise<number> {
  const { rows } = await database.query<{ dead: string }>(
    `select pg_stat_get_dead_tuples('tenfold_queues.${table}'::regclass) as dead`,
  )
  return Number(rows[0]?.dead)
}

test('throws away what has left although somebody holds an old snapshot, and keeps what is there', async () => {
  const place = await bed.queues()
  const name = await place.queue()
  const engine = createPostgresQueues(place.database)
  const worker = await engine.join(name, { claimedMax: 200 })
  const release = await holdSnapshot(place)
  await engine.enqueue(name, items(3_000))
  await workOff(worker, 3_000)
  await engine.enqueue(name, items(5))
  const claimed = await worker.claim(2)
  await until(
    'the statistics know',
    async () => (await deadRows(place, 'waiting')) >= 2_000 && (await deadRows(place, 'running')) >= 2_000,
  )
  const report = await maintainQueues(place.database, { deadMax: 2_000 })
  expect(report).toEqual({ compacted: ['waiting', 'running'], held: [] })
  // What was claimed before is still this worker's, and what waits is found by the floor of before.
  expect(await worker.complete(claimed)).toEqual([])
  expect((await worker.claim(10)).map(({ payload }) => payload)).toEqual(['2', '3', '4'])
  await release()
  await worker.leave()
  await engine.end()
})

test('holds nobody up for long: who has put items in and not committed is in the way, and so are many items', async () => {
  const place = await bed.queues()
  const name = await place.queue()
  const engine = createPostgresQueues(place.database)
  const worker = await engine.join(name, { claimedMax: 200 })
  const release = await holdSnapshot(place)
  await engine.enqueue(name, items(1_000))
  await workOff(worker, 1_000)
  await until('the statistics know', async () => (await deadRows(place, 'waiting')) >= 1_000)
  await place.database.transaction(async (transaction) => {
    await engine.enqueue(name, items(20), { transaction })
    const { held } = await maintainQueues(place.database, { deadMax: 1_000 })
    expect(held).toContainEqual({ table: 'waiting', by: 'a transaction that has written to it and is still open' })
  })
  const { held } = await maintainQueues(place.database, { deadMax: 1_000, liveMax: 10 })
  expect(held).toContainEqual({ table: 'waiting', by: 'more than 10 items that are in it' })
  expect((await worker.claim(100)).length).toBe(20)
  await release()
  await worker.leave()
  await engine.end()
})

test('walks over no row twice, however many have left: a claim reads as much at the end as at the beginning', async () => {
  const place = await bed.queues()
  const name = await place.queue()
  const engine = createPostgresQueues(place.database)
  const worker = await engine.join(name, { claimedMax: 100 })
  const release = await holdSnapshot(place)
  const fetched = async (): Promise<number> => {
    const { rows } = await place.database.query<{ count: string }>(
      `select idx_tup_read as count from pg_stat_all_indexes where indexrelname = 'waiting_queue_priority_run_at_number_idx'`,
    )
    return Number(rows[0]?.count)
  }
  let last = 0
  const perRound: number[] = []
  for (let round = 0; round < 4; round++) {
    await engine.enqueue(name, items(2_000))
    for (let done = 0; done < 2_000;) {
      const claimed = await worker.claim(100)
      await worker.complete(claimed)
      done += claimed.length
    }
    await place.database.query('select pg_stat_force_next_flush()')
    let now = await fetched()
    await until('the statistics have settled', async () => {
      const before = now
      now = await fetched()
      return now > last && now === before
    })
    perRound.push(now - last)
    last = now
  }
  // Whoever began at the first row would read 20 × 2000 more in each round.
  expect(Math.max(...perRound.slice(1))).toBeLessThan(2 * perRound[0]! + 4_000)
  await release()
  await worker.leave()
  await engine.end()
})

test('forgets keys that hold nothing off any more', async () => {
  const place = await bed.queues()
  const name = await place.queue()
  const engine = createPostgresQueues(place.database)
  const worker = await engine.join(name, { claimedMax: 100 })
  const once = (key: string, until: 'begun' | 'finished' | number): NewItem[] =>
    items(1).map((item) => ({ ...item, deduplicate: { key, until } }))
  await engine.enqueue(name, [...once('begun', 'begun'), ...once('finished', 'finished'), ...once('over', 1)])
  const claimed = await worker.claim(3)
  await engine.enqueue(name, [...once('waits', 'begun'), ...once('for an hour', 3_600_000)])
  const keys = async (): Promise<readonly string[]> =>
    (await place.database.query<{ key: string }>('select key from tenfold_queues.once order by key')).rows.map(
      ({ key }) => key,
    )
  await maintainQueues(place.database)
  expect(await keys()).toEqual(['finished', 'for an hour', 'waits'])
  await worker.complete(claimed)
  await maintainQueues(place.database)
  expect(await keys()).toEqual(['for an hour', 'waits'])
  await worker.leave()
  await engine.end()
})
