import { afterAll, beforeAll, test } from 'vitest'
import { until } from '../clusters/test-bed.ts'
import { huntFaults } from './fault-hunt.ts'
import type { TopicsBed } from './topics-bed.ts'
import { createTopicsBed } from './topics-bed.ts'

let bed: TopicsBed

beforeAll(async () => {
  bed = await createTopicsBed({ followers: { count: 1, isSynchronous: true, durability: 'preferred' } })
}, 60_000)

afterAll(() => bed.end())

test('nothing is lost, happens twice, or loses its order when the primary of the log dies and the standby takes over', async () => {
  const [shop, central] = [await bed.log(), await bed.log()]
  await huntFaults({
    shop,
    central,
    faults: 16,
    frozenMs: 1_500,
    async strike() {
      await until('a standby', () =>
        bed.cluster.nodes.some(({ role, state }) => role === 'standby' && state === 'ready'),
      )
      await bed.crash()
    },
  })
}, 240_000)
