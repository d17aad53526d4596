import { afterAll, beforeAll, expect, test } from 'vitest'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { moveToKafka } from '../../../src/topics/logs/kafka/move-to-kafka.ts'
import { ensureKafkaTopic } from '../../../src/topics/logs/kafka/kafka-topic.ts'
import { finishMove, readMove, undrained } from '../../../src/topics/logs/postgres/move-topic.ts'
import { until } from '../../integration/clusters/test-bed.ts'
import { huntFaults } from '../../integration/topics/fault-hunt.ts'
import type { KafkaBed } from './kafka-bed.ts'
import { createKafkaBed } from './kafka-bed.ts'
import { SESSION_MS } from './kafka-broker.ts'

let bed: KafkaBed

beforeAll(async () => {
  bed = await createKafkaBed()
}, 180_000)
afterAll(() => bed.end())

/** The broker dies; it takes its time to come back, so that after that it is only frozen. */
function strikeBroker(): () => Promise<void> {
  let isStruck = false
  return async () => {
    if (!isStruck) {
      isStruck = true
      await bed.broker.restart()
      return
    }
    bed.broker.pause()
    await sleep(systemClock, 1_500)
    bed.broker.resume()
  }
}

const FROZEN_MS = SESSION_MS + 1_000

test(
  'nothing committed is lost, no effect happens twice, and keys keep their order, whoever is killed or frozen when',
  { timeout: 500_000 },
  async ({ skip }) => {
    if (bed.missing !== undefined) return skip(bed.missing)
    const [shop, central] = await Promise.all([bed.topics.log(), bed.topics.log()])
    await ensureKafkaTopic(bed.connection, { name: 'changes', partitions: 4 })
    const broker = { kafka: { url: bed.broker.url, sessionMs: SESSION_MS } }
    const done = await huntFaults({ shop, central, broker, faults: 12, frozenMs: FROZEN_MS, strike: strikeBroker() })
    bed.ran(done)
  },
)

test(
  'the same while the log moves from PostgreSQL to Kafka, beside members that know nothing of it',
  { timeout: 500_000 },
  async ({ skip }) => {
    if (bed.missing !== undefined) return skip(bed.missing)
    const [shop, central] = await Promise.all([bed.topics.log(), bed.topics.log()])
    const { database } = central
    const topic = 'moving'
    let strikes = 0
    const strike = strikeBroker()
    const done = await huntFaults({
      shop,
      central,
      topic,
      broker: { kafka: { url: bed.broker.url, sessionMs: SESSION_MS, isMoving: true } },
      moreRoles: ['old-consumer'],
      faults: 14,
      frozenMs: FROZEN_MS,
      async strike() {
        if (strikes++ === 0) await moveToKafka({ database, connection: bed.connection, topic })
        else await strike()
      },
    })
    await until('all is drained', async () => (await undrained(database, topic)).length === 0)
    await finishMove(database, topic)
    expect(await readMove(database, topic)).toBe('moved')
    bed.ran(done)
  },
)
