import type { DatabaseConnection } from '../../../src/sql/database.ts'
import type { QueueLimits } from '../../../src/queues/queue-engine.ts'
import { ensureQueue, installQueues } from '../../../src/queues/queues/postgres/layout.ts'
import { installLayout } from '../../../src/topics/logs/postgres/layout.ts'
import type { TestBed } from '../clusters/test-bed.ts'
import { createTestBed } from '../clusters/test-bed.ts'

/** A cluster on which queues are made. */
export interface QueuesBed {
  /** A database of its own, with the layouts of queues and topics in it. */
  queues(): Promise<TestQueues>
  /** As a superuser, to another database of the cluster. */
  readonly admin: DatabaseConnection
  connect: TestBed['connect']
  end(): Promise<void>
}

export interface TestQueues {
  readonly url: string
  readonly database: DatabaseConnection
  /** A queue that nobody else uses. */
  queue(limits?: QueueLimits): Promise<string>
}

export async function createQueuesBed(): Promise<QueuesBed> {
  const bed = await createTestBed({ hasTemplate: false })
  const cluster = bed.cluster('queues')
  await cluster.start()
  const admin = bed.connect(cluster.adminUrl(), { connectionsMax: 1 })
  let count = 0
  return {
    admin,
    connect: bed.connect,
    async queues() {
      const name = `queues_${++count}`
      await admin.query(`create database ${name} owner queues`)
      const url = new URL(cluster.url())
      url.pathname = name
      const database = bed.connect(url.href, { connectionsMax: 20 })
      await installQueues(database)
      await installLayout(database)
      return {
        url: url.href,
        database,
        async queue(limits = {}) {
          const queue = `queue_${++count}`
          await ensureQueue(database, { name: queue, limits })
          return queue
        },
      }
    },
    end: () => bed.end(),
  }
}
