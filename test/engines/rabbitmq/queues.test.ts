import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uniqueId } from '../../../src/core/random.ts'
import type { RabbitQueues } from '../../../src/queues/queues/rabbitmq/rabbit-queues.ts'
import { createRabbitQueues } from '../../../src/queues/queues/rabbitmq/rabbit-queues.ts'
import { until } from '../../integration/clusters/test-bed.ts'
import type { QueuesBed } from '../../integration/queues/queues-bed.ts'
import { createQueuesBed } from '../../integration/queues/queues-bed.ts'
import type { QueuesHarness } from '../../queues/contract/queues-contract.ts'
import { missingNeed, queuesCases, runQueuesCase } from '../../queues/contract/queues-contract.ts'
import type { RabbitBroker } from './rabbit-broker.ts'
import { HOW_TO_GET, startRabbitBroker } from './rabbit-broker.ts'

let broker: RabbitBroker | undefined
let bed: QueuesBed | undefined
let engine: RabbitQueues
let harness: QueuesHarness
let ran = 0
let count = 0

beforeAll(async () => {
  broker = await startRabbitBroker()
  if (broker === undefined) return
  bed = await createQueuesBed()
  const elsewhere = await bed.queues()
  await elsewhere.database.query('create table effect (event text, label text)')
  engine = createRabbitQueues(broker.url, { lease: '3s' })
  harness = {
    engine,
    async queue() {
      const name = `queue.${++count}`
      await engine.ensureQueue(name)
      return name
    },
    elsewhere: elsewhere.database,
    until,
  }
}, 180_000)

afterAll(async () => {
  await engine?.end()
  await bed?.end()
  await broker?.end()
  const said =
    broker === undefined
      ? `skipped  RabbitMQ, because it is not installed: ${HOW_TO_GET}`
      : `ran      RabbitMQ ${broker.version}: ${ran} cases of queues`
  process.stdout.write(`\n${said}\n`)
})

describe('queues on RabbitMQ', () => {
  for (const each of queuesCases) {
    test(each.name, { timeout: 60_000 }, async (context) => {
      if (broker === undefined) return context.skip('RabbitMQ is not installed')
      const missing = missingNeed(each, harness)
      if (missing !== undefined) return context.skip(`this engine has no ${missing}`)
      await runQueuesCase(each, harness)
      ran++
    })
  }

  test('says what it can not do, and what is not there', { timeout: 60_000 }, async ({ skip }) => {
    if (broker === undefined) return skip('RabbitMQ is not installed')
    const name = await harness.queue()
    const item = { itemId: uniqueId(), payload: '1', priority: 'normal' } as const
    await expect(engine.enqueue('qeue.1', [item])).rejects.toMatchObject({ code: 'TF_QUEUE_UNKNOWN' })
    await expect(engine.enqueue(name, [{ ...item, notBefore: { delayMs: 1e12 } }])).rejects.toMatchObject({
      code: 'TF_QUEUE_UNSUPPORTED',
    })
    await expect(engine.enqueue(name, [{ ...item, deduplicate: { key: 'a', until: 'begun' } }])).rejects.toMatchObject({
      code: 'TF_QUEUE_UNSUPPORTED',
    })
    await expect(engine.cancel(name, item.itemId)).rejects.toMatchObject({ code: 'TF_QUEUE_UNSUPPORTED' })
    ran++
  })
})
