import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { uniqueId } from '../../../src/core/random.ts'
import type { NewItem } from '../../../src/queues/queue-engine.ts'
import { createPostgresQueues } from '../../../src/queues/queues/postgres/postgres-queues.ts'
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
