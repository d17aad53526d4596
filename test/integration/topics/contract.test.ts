import { afterAll, beforeAll, describe, test } from 'vitest'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import type { PostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import type { TopicsHarness } from '../../topics/contract/topics-contract.ts'
import { missingNeed, runTopicsCase, topicsCases } from '../../topics/contract/topics-contract.ts'
import { until } from '../clusters/test-bed.ts'
import type { TopicsBed } from './topics-bed.ts'
import { createTopicsBed } from './topics-bed.ts'

let bed: TopicsBed
let log: PostgresLog
let harness: TopicsHarness

beforeAll(async () => {
  bed = await createTopicsBed()
  const [here, elsewhere] = [await bed.log(), await bed.log()]
  for (const { database } of [here, elsewhere]) await database.query('create table effect (event text, label text)')
  log = createPostgresLog(here.database, { lease: '4s' })
  harness = {
    log,
    topic: async (partitions) => (await here.topic(partitions)).name,
    database: here.database,
    elsewhere: elsewhere.database,
    until,
  }
})

afterAll(async () => {
  await log.end()
  await bed.end()
})

describe('the log on PostgreSQL', () => {
  for (const each of topicsCases) {
    test(each.name, async (context) => {
      const missing = missingNeed(each, harness)
      if (missing !== undefined) context.skip(`this engine has no ${missing}`)
      await runTopicsCase(each, harness)
    })
  }
})
