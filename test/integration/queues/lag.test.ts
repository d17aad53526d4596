import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { uniqueId } from '../../../src/core/random.ts'
import type { NewItem } from '../../../src/queues/queue-engine.ts'
import { peekItems } from '../../../src/queues/queues/postgres/peek-items.ts'
import { createPostgresQueues } from '../../../src/queues/queues/postgres/postgres-queues.ts'
import { createQueueCatalog } from '../../../src/queues/queues/postgres/queue-catalog.ts'
import { createQueueLagReader } from '../../../src/queues/queues/postgres/read-queue-lag.ts'
import type { QueuesBed } from './queues-bed.ts'
import { createQueuesBed } from './queues-bed.ts'

let bed: QueuesBed

beforeAll(async () => {
  bed = await createQueuesBed()
})

afterAll(() => bed.end())

const item = (changes: Partial<NewItem> = {}): NewItem => ({
  itemId: uniqueId(),
  priority: 'normal',
  payload: '{}',
  ...changes,
})

test('counts what waits, what is delayed, under way, done and dead, in every reading anew', async () => {
  const { database, queue } = await bed.queues()
  const [name, limited, empty] = [await queue(), await queue({ concurrencyPerKey: 1 }), await queue()]
  const engine = createPostgresQueues(database, { lease: '2s' })
  const reader = createQueueLagReader(database, systemClock)
  const read = async (of: string) => (await reader.read()).queues.find((each) => each.queue === of)
  await engine.enqueue(name, [item(), item({ priority: 'low' }), item({ priority: 'urgent' }), item()])
  await engine.enqueue(name, [item({ notBefore: { delayMs: 60_000 } })])
  expect(await read(name)).toMatchObject({ waiting: 4, isMore: false, delayed: 1, running: 0, done: 0n, workers: 0 })
  expect((await read(name))?.oldestAgeMs).toBeGreaterThan(0)
  const worker = await engine.join(name, { claimedMax: 10 })
  const claimed = await worker.claim(3)
  await worker.complete(claimed.slice(0, 1))
  await worker.bury(claimed[1]!, { cause: 'no', attempts: 1 })
  await engine.enqueue(name, [item()])
  expect(await read(name)).toMatchObject({ waiting: 2, delayed: 1, workers: 1, deadLetters: 1 })
  await worker.leave()
  expect(await read(name)).toMatchObject({ waiting: 3, delayed: 1, running: 0, workers: 0, done: 1n, deadLetters: 1 })
  expect(await read(empty)).toMatchObject({ waiting: 0, delayed: 0, oldestAgeMs: undefined })
  // Those that wait for others of their key are due.
  await engine.enqueue(limited, [item({ key: 'a' }), item({ key: 'a' }), item({ key: 'a' })])
  const other = await engine.join(limited, { claimedMax: 10 })
  expect(await other.claim(10)).toHaveLength(1)
  expect(await read(limited)).toMatchObject({ waiting: 2 })
  await other.leave()
  await engine.end()
})

test('shows what runs, what is next, and what is not due yet, and changes nothing of it', async () => {
  const { database, queue } = await bed.queues()
  const name = await queue({ concurrencyPerKey: 1 })
  const id = await createQueueCatalog(database).find(name)
  const engine = createPostgresQueues(database)
  expect(await peekItems(database, id, 10)).toEqual([])
  const put = (payload: string, changes: Partial<NewItem> = {}) => engine.enqueue(name, [item({ payload, ...changes })])
  await put('first', { key: 'a', priority: 'urgent', headers: { traceparent: '00-1' } })
  const worker = await engine.join(name, { claimedMax: 10 })
  const [held] = await worker.claim(1)
  await put('second', { key: 'a', priority: 'urgent' })
  expect(await worker.claim(1)).toEqual([])
  await put('later', { notBefore: { delayMs: 120_000 } })
  await put('late', { notBefore: { delayMs: 60_000 } })
  await put('low', { priority: 'low' })
  await put('normal', { key: 'b' })
  const seen = await peekItems(database, id, 10)
  expect(seen.map(({ state, payload }) => `${state} ${payload}`)).toEqual([
    'running first',
    'waiting normal',
    'waiting low',
    'limited second',
    'delayed late',
    'delayed later',
  ])
  expect(seen[0]).toMatchObject({ priority: 'urgent', key: 'a', attempts: 0, headers: { traceparent: '00-1' } })
  expect(seen[4]!.atEpochMs - seen[4]!.enqueuedEpochMs).toBeGreaterThan(59_000)
  expect((await peekItems(database, id, 2)).map(({ payload }) => payload)).toEqual(['first', 'normal'])
  await worker.complete([held!])
  await worker.leave()
  await engine.end()
})
