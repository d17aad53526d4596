import diagnostics from 'node:diagnostics_channel'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { uniqueId } from '../../../src/core/random.ts'
import type { NewItem } from '../../../src/queues/queue-engine.ts'
import { createPostgresQueues } from '../../../src/queues/queues/postgres/postgres-queues.ts'
import { createQueueLagReader } from '../../../src/queues/queues/postgres/read-queue-lag.ts'
import type { StatementEvent } from '../../../src/sql/statement-event.ts'
import { STATEMENT_CHANNEL } from '../../../src/sql/statement-event.ts'
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

test('nothing is tried first where writing is refused, and what is put in together goes in one statement', async () => {
  const { database, queue } = await bed.queues()
  const name = await queue({ concurrencyPerKey: 1 })
  const engine = createPostgresQueues(database, { lease: '1s' })
  const events: StatementEvent[] = []
  const onStatement = (event: unknown): void => void events.push(event as StatementEvent)
  diagnostics.subscribe(STATEMENT_CHANNEL, onStatement)
  try {
    const worker = await engine.join(name, { claimedMax: 10 })
    await Promise.all(Array.from({ length: 30 }, (_, n) => engine.enqueue(name, [item({ key: `k${n % 15}` })])))
    const [a, b, c, d] = await worker.claim(10)
    await worker.complete([a!])
    await worker.retry(b!, { cause: 'no', attempts: 1, afterMs: 1 })
    await worker.bury(c!, { cause: 'no', attempts: 1 })
    await worker.giveBack([d!])
    await engine.cancel(name, d!.itemId)
    await (await engine.deadItems(name)).redrive()
    await createQueueLagReader(database, systemClock).read()
    await worker.leave()
  } finally {
    diagnostics.unsubscribe(STATEMENT_CHANNEL, onStatement)
    await engine.end()
  }
  expect(events.filter(({ error }) => error !== undefined)).toEqual([])
  // The first goes alone, the others, which come while it is under way, together.
  expect(events.filter(({ text }) => /\.put(_one)?\(/.test(text))).toHaveLength(2)
})
