import { createEnqueuer } from '../../src/queues/enqueuer.ts'
import { createPostgresQueues } from '../../src/queues/queues/postgres/postgres-queues.ts'
import { ensureQueue, installQueues } from '../../src/queues/queues/postgres/layout.ts'
import { createWorker } from '../../src/queues/worker.ts'
import { connectDatabase } from '../../src/sql/database.ts'
import type { Contender, Message } from '../topics/contender.ts'

const CONNECTIONS = 22

/** This repository's queues. */
export const tenfoldQueues: Contender = {
  name: 'tenfold queues',
  absence: '',
  version: () => Promise.resolve('of this checkout'),
  async open(url) {
    const database = connectDatabase({ url, connectionsMax: CONNECTIONS })
    const engine = createPostgresQueues(database)
    await installQueues(database)
    await ensureQueue(database, { name: 'measured' })
    const enqueuer = createEnqueuer<Message>({ engine, queue: 'measured' })
    return {
      async publish(messages) {
        await enqueuer.enqueueMany(messages.map((item) => ({ item })))
      },
      async consume(aim, onMessage) {
        const shared = { engine, queue: 'measured' }
        const worker =
          aim === 'latency'
            ? createWorker<Message>({
                ...shared,
                concurrency: 64,
                handler: { each: async ({ value }) => onMessage(value) },
              })
            : createWorker<Message>({
                ...shared,
                concurrency: 4,
                batchMax: 200,
                handler: {
                  async batch(items) {
                    for (const { value } of items) onMessage(value)
                  },
                },
              })
        await worker.start()
        return () => worker.stop()
      },
      async end() {
        await engine.end()
        await database.end()
      },
    }
  },
}
