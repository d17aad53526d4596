import { afterAll, beforeAll, test } from 'vitest'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { huntFaults } from '../../integration/topics/fault-hunt.ts'
import type { TopicsBed } from '../../integration/topics/topics-bed.ts'
import { createTopicsBed } from '../../integration/topics/topics-bed.ts'
import type { RabbitBroker } from './rabbit-broker.ts'
import { startRabbitBroker } from './rabbit-broker.ts'

let broker: RabbitBroker | undefined
let bed: TopicsBed | undefined

beforeAll(async () => {
  broker = await startRabbitBroker()
  if (broker !== undefined) bed = await createTopicsBed()
}, 180_000)

afterAll(async () => {
  await bed?.end()
  await broker?.end()
})

test('nothing committed is lost, no effect happens twice, and keys keep their order, whoever is killed or frozen when, the broker included', async ({
  skip,
}) => {
  if (broker === undefined || bed === undefined) return skip('RabbitMQ is not installed')
  const running = broker
  const [shop, central] = await Promise.all([bed.log(), bed.log()])
  const done = await huntFaults({
    shop,
    central,
    broker: { rabbitUrl: running.url },
    faults: 12,
    frozenMs: 6_500,
    async strike(random) {
      if (random.next() < 0.5) {
        await running.kill()
        await running.start()
      } else {
        running.freeze()
        await sleep(systemClock, 4_000)
        running.thaw()
      }
    },
  })
  process.stdout.write(`\nran      RabbitMQ ${running.version}, a hunt in topics: ${done}\n`)
}, 480_000)
