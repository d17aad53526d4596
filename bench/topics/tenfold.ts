import { uniqueId } from '../../src/core/random.ts'
import { connectDatabase } from '../../src/sql/database.ts'
import { createConsumer } from '../../src/topics/consumer.ts'
import type { Handler } from '../../src/topics/handler.ts'
import { ensureTopic, installLayout } from '../../src/topics/logs/postgres/layout.ts'
import { createPostgresLog } from '../../src/topics/logs/postgres/postgres-log.ts'
import { createPublisher } from '../../src/topics/publisher.ts'
import type { Contender, Message } from './contender.ts'

const PARTITIONS = 12
const CONNECTIONS = 22

/** This repository's topics: keys of their own, so that partitions are filled evenly. */
export const tenfold: Contender = {
  name: 'tenfold',
  absence: '',
  version: () => Promise.resolve('of this checkout'),
  async open(url) {
    const database = connectDatabase({ url, connectionsMax: CONNECTIONS })
    const log = createPostgresLog(database)
    await installLayout(database)
    await ensureTopic(database, { name: 'measured', partitions: PARTITIONS })
    const publisher = createPublisher<Message & { readonly key: string }>({ log, topic: 'measured', key: 'key' })
    return {
      publish: (messages) => publisher.publish(messages.map((message) => ({ ...message, key: uniqueId() }))),
      async consume(aim, onMessage) {
        const one: Handler<Message, undefined> = { each: async ({ value }) => onMessage(value) }
        const many: Handler<Message, undefined> = {
          async batch(events) {
            for (const { value } of events) onMessage(value)
          },
        }
        const shared = { log, topic: 'measured', group: 'measuring' }
        const consumer =
          aim === 'latency'
            ? createConsumer({ ...shared, concurrency: 64, handler: one })
            : createConsumer({ ...shared, handler: many })
        await consumer.start()
        return () => consumer.stop()
      },
      async end() {
        await log.end()
        await database.end()
      },
    }
  },
}
