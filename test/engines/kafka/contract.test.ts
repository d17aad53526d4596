import { afterAll, beforeAll, describe, test } from 'vitest'
import { until } from '../../integration/clusters/test-bed.ts'
import type { TopicsHarness } from '../../topics/contract/topics-contract.ts'
import { missingNeed, runTopicsCase, topicsCases } from '../../topics/contract/topics-contract.ts'
import type { KafkaBed } from './kafka-bed.ts'
import { createKafkaBed } from './kafka-bed.ts'

let bed: KafkaBed

beforeAll(async () => {
  bed = await createKafkaBed()
}, 180_000)
afterAll(() => bed.end())

describe('the log in Kafka', () => {
  for (const each of topicsCases) {
    test(each.name, { timeout: 60_000 }, async (context) => {
      if (bed.missing !== undefined) return context.skip(bed.missing)
      const log = bed.log()
      const harness: TopicsHarness = { log, topic: bed.topic, elsewhere: bed.database, until }
      const missing = missingNeed(each, harness)
      if (missing !== undefined) return context.skip(`this engine has no ${missing}`)
      await runTopicsCase(each, harness)
      await log.end()
      bed.ran()
    })
  }
})
