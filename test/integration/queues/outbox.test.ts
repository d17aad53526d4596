import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEnqueuer } from '../../../src/queues/enqueuer.ts'
import { createQueueRelay, outboxQueue, withOutbox } from '../../../src/queues/queue-outbox.ts'
import { ensureQueue } from '../../../src/queues/queues/postgres/layout.ts'
import { createPostgresQueues } from '../../../src/queues/queues/postgres/postgres-queues.ts'
import { createWorker } from '../../../src/queues/worker.ts'
import { until } from '../clusters/test-bed.ts'
import type { QueuesBed } from './queues-bed.ts'
import { createQueuesBed } from './queues-bed.ts'

let bed: QueuesBed

beforeAll(async () => {
  bed = await createQueuesBed()
})

afterAll(() => bed.end())

test('moves what was put in with a transaction of another database, as it was put in, each item once', async () => {
  const [shop, central] = [await bed.queues(), await bed.queues()]
  const queue = await central.queue()
  await ensureQueue(shop.database, { name: outboxQueue(queue) })
  const [outbox, real] = [createPostgresQueues(shop.database), createPostgresQueues(central.database)]
  const engine = withOutbox({ engine: real, outbox })
  const emails = createEnqueuer<string>({ engine, queue, headers: () => ({ traceparent: 'x' }) })
  const relayOptions = { outbox, engine: real, queue, database: central.database }
  const relays = [createQueueRelay(relayOptions), createQueueRelay(relayOptions)]
  const seen: { value: string; key: string | undefined; trace: string | undefined; lateMs: number }[] = []
  const worker = createWorker<string>({
    engine,
    queue,
    handler: {
      async each({ value, key, headers, enqueuedEpochMs }) {
        seen.push({ value, key, trace: headers['traceparent'], lateMs: enqueuedEpochMs })
      },
    },
  })
  await Promise.all([...relays, worker].map((component) => component.start()))
  const failed = shop.database.transaction(async (transaction) => {
    await emails.enqueue('never', { transaction })
    throw new Error('rolled back')
  })
  await expect(failed).rejects.toThrow('rolled back')
  const delayed = await shop.database.transaction(async (transaction) => {
    for (let n = 0; n < 50; n++) await emails.enqueue(`email ${n}`, { transaction, key: `k${n % 3}` })
    const once = { key: 'only', until: 'finished' } as const
    await emails.enqueue('first', { transaction, once, delay: '300ms' })
    await emails.enqueue('second', { transaction, once, delay: '300ms' })
    return emails.enqueue('cancelled', { transaction, delay: '1h' })
  })
  await until('all have come', () => seen.length === 51)
  expect(seen.map(({ value }) => value).toSorted()).toEqual(
    [...Array.from({ length: 50 }, (_, n) => `email ${n}`), 'first'].toSorted(),
  )
  expect(seen.find(({ value }) => value === 'email 4')).toMatchObject({ key: 'k1', trace: 'x' })
  expect(await emails.cancel(delayed.itemId)).toBe('cancelled')
  expect(await emails.cancel(delayed.itemId)).toBe('gone')
  await Promise.all([...relays, worker].map((component) => component.stop()))
  await Promise.all([outbox.end(), real.end()])
})
