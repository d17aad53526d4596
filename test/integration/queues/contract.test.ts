import { afterAll, beforeAll, describe, test } from 'vitest'
import type { PostgresQueues } from '../../../src/queues/queues/postgres/postgres-queues.ts'
import { createPostgresQueues } from '../../../src/queues/queues/postgres/postgres-queues.ts'
import type { QueuesHarness } from '../../queues/contract/queues-contract.ts'
import { missingNeed, queuesCases, runQueuesCase } from '../../queues/contract/queues-contract.ts'
import { until } from '../clusters/test-bed.ts'
import type { QueuesBed } from './queues-bed.ts'
import { createQueuesBed } from './queues-bed.ts'

let bed: QueuesBed
let engine: PostgresQueues
let harness: QueuesHarness

beforeAll(async () => {
  bed = await createQueuesBed()
  const [here, elsewhere] = [await bed.queues(), await bed.queues()]
  for (const { database } of [here, elsewhere]) await database.query('create table effect (event text, label text)')
  engine = createPostgresQueues(here.database, { lease: '4s' })
  harness = { engine, queue: here.queue, database: here.database, elsewhere: elsewhere.database, until }
})

afterAll(async () => {
  await engine.end()
  await bed.end()
})

describe('queues on PostgreSQL', () => {
  for (const each of queuesCases) {
    test(each.name, async (context) => {
      const missing = missingNeed(each, harness)
      if (missing !== undefined) context.skip(`this engine has no ${missing}`)
      await runQueuesCase(each, harness)
    })
  }
})
