import { afterAll, beforeAll, test } from 'vitest'
import { huntFaults } from './fault-hunt.ts'
import type { TopicsBed } from './topics-bed.ts'
import { createTopicsBed } from './topics-bed.ts'

let bed: TopicsBed

beforeAll(async () => {
  bed = await createTopicsBed()
})

afterAll(async () => {
  await bed.end()
})

test('nothing committed is lost, no effect happens twice, and keys keep their order, whoever is killed or frozen when', async () => {
  const [shop, central] = await Promise.all([bed.log(), bed.log()])
  await huntFaults({ shop, central, faults: 24, frozenMs: 1_500 })
}, 180_000)
