import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uniqueId } from '../../../src/core/random.ts'
import type { RabbitQueues } from '../../../src/queues/queues/rabbitmq/rabbit-queues.ts'
import type { Priority } from '../../../src/queues/queue-engine.ts'
import type { QueueLag } from '../../../src/queues/queue-lag.ts'
import { queueLagBetween } from '../../../src/queues/queue-lag.ts'
import { createRabbitQueueLagReader } from '../../../src/queues/queues/rabbitmq/read-queue-lag.ts'
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

  test('tells how queues are', { timeout: 60_000 }, async ({ skip }) => {
    if (broker === undefined) return skip('RabbitMQ is not installed')
    const queue = await harness.queue()
    const reader = createRabbitQueueLagReader(broker.url, { queues: [queue] })
    const read = async (): Promise<QueueLag> => queueLagBetween(undefined, await reader.read())[0]!
    await read()
    const items = ['low', 'urgent', 'low'].map((priority) => ({
      itemId: uniqueId(),
      payload: '1',
      priority: priority as Priority,
    }))
    await engine.enqueue(queue, items)
    expect(await read()).toMatchObject({ waiting: 3, running: 0, workers: 0, messages: 3 })
    const worker = await engine.join(queue, { claimedMax: 2 })
    const claimed = await worker.claim(2)
    await until('it has told what it has', async () => (await read()).running === 2)
    expect(await read()).toMatchObject({ waiting: 1, workers: 1, messages: 3 })
    await worker.complete(claimed)
    await worker.leave()
    await until('it has told that it left', async () => (await read()).workers === 0)
    const [reading] = (await reader.read()).queues
    expect(reading).toMatchObject({ waiting: 1, running: 0, done: 2n })
    await reader.end()
    ran++
  })

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
