import { sleep, systemClock } from '../../../src/core/clock.ts'
import { createEnqueuer } from '../../../src/queues/enqueuer.ts'
import type { ItemContext, ReceivedItem } from '../../../src/queues/item-handler.ts'
import { PRIORITIES } from '../../../src/queues/queue-engine.ts'
import { createPostgresQueues } from '../../../src/queues/queues/postgres/postgres-queues.ts'
import { createWorker } from '../../../src/queues/worker.ts'
import { connectDatabase } from '../../../src/sql/database.ts'
import type { Transaction } from '../../../src/sql/transaction.ts'

/** What a process is told, as JSON in its first argument. */
export interface QueuesOrder {
  readonly role: 'producer' | 'worker' | 'storm'
  /** Database of the queues, and of those who put items in. */
  readonly url: string
  /** Database of the effects of the queue `elsewhere`. */
  readonly elsewhereUrl: string
  /** Every so many orders one is poison; processes die of the second of them. */
  readonly poisonEvery: number
}

/** An order of the shop, as an item of both queues. */
export interface OrderItem {
  readonly id: number
  readonly notBeforeEpochMs: number
  /** Every handler throws, or every process dies of it. */
  readonly poison?: 'throws' | 'kills'
}

type Queue = 'here' | 'elsewhere'

/** A process that does one part of the work until it is killed, or told to end by SIGTERM. */
async function work({ role, url, elsewhereUrl, poisonEvery }: QueuesOrder): Promise<void> {
  const shop = connectDatabase({ url, connectionsMax: 12 })
  const elsewhere = connectDatabase({ url: elsewhereUrl, connectionsMax: 8 })
  const engine = createPostgresQueues(shop, { lease: '1s' })
  const ended = new AbortController()
  process.once('SIGTERM', () => ended.abort())
  // The test has died.
  process.stdin.once('end', () => process.exit(1)).resume()

  const handle = async (
    queue: Queue,
    { value, key }: ReceivedItem<OrderItem>,
    { transaction }: ItemContext<Transaction<unknown>>,
  ): Promise<void> => {
    if (value.poison === 'throws') throw new Error('poison')
    if (value.poison === 'kills') process.kill(process.pid, 'SIGKILL')
    await transaction.query(
      `insert into effect (queue, id, key, early_ms) values ($1, $2, $3,
         greatest(0, $4 - extract(epoch from clock_timestamp()) * 1000))`,
      [queue, value.id, key, value.notBeforeEpochMs],
    )
    await sleep(systemClock, 2)
  }
  const makeWorker = (queue: Queue) =>
    createWorker<OrderItem, Transaction<unknown>>({
      engine,
      queue,
      concurrency: 4,
      effects: queue === 'here' ? shop : elsewhere,
      // More than what is harmless is likely to lose by the death of others.
      retry: { attempts: 6, pause: '20ms', pauseMax: '200ms' },
      handler: { each: (item, context) => handle(queue, item, context) },
    })
  const produce = async (): Promise<void> => {
    const enqueuers = (['here', 'elsewhere'] as const).map((queue) => createEnqueuer<OrderItem>({ engine, queue }))
    while (!ended.signal.aborted) {
      await shop.transaction(async (transaction) => {
        const { rows } = await transaction.query<{ id: number; now: number }>(
          'insert into "order" default values returning id, extract(epoch from clock_timestamp())::float8 * 1000 as now',
        )
        const { id, now } = rows[0]!
        const delayMs = id % 5 === 0 ? 300 : 0
        const poison = id % poisonEvery !== 0 ? {} : ({ poison: id === 2 * poisonEvery ? 'kills' : 'throws' } as const)
        for (const enqueuer of enqueuers) {
          await enqueuer.enqueue(
            { id, notBeforeEpochMs: now + delayMs, ...poison },
            { transaction, delay: `${delayMs}ms`, key: `user-${id % 7}`, priority: PRIORITIES[id % 4]! },
          )
        }
      })
      await sleep(systemClock, 5)
    }
  }

  if (role === 'producer') await Promise.all([produce(), produce()])
  else if (role === 'storm') {
    while (!ended.signal.aborted) {
      const workers = [makeWorker('here'), makeWorker('elsewhere')]
      await Promise.all(workers.map((worker) => worker.start()))
      await sleep(systemClock, 100)
      await Promise.all(workers.map((worker) => worker.stop(50)))
    }
  } else {
    const workers = [makeWorker('here'), makeWorker('elsewhere')]
    await Promise.all(workers.map((worker) => worker.start()))
    await new Promise<void>((resolve) => ended.signal.addEventListener('abort', () => resolve()))
    await Promise.all(workers.map((worker) => worker.stop()))
  }
  process.exit(0)
}

await work(JSON.parse(process.argv[2] ?? '{}') as QueuesOrder)
