import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uniqueId } from '../../../src/core/random.ts'
import type { RabbitLog } from '../../../src/topics/logs/rabbitmq/rabbit-log.ts'
import { createRabbitLog } from '../../../src/topics/logs/rabbitmq/rabbit-log.ts'
import { until } from '../../integration/clusters/test-bed.ts'
import type { TopicsBed } from '../../integration/topics/topics-bed.ts'
import { createTopicsBed } from '../../integration/topics/topics-bed.ts'
import type { TopicsHarness } from '../../topics/contract/topics-contract.ts'
import { missingNeed, runTopicsCase, topicsCases } from '../../topics/contract/topics-contract.ts'
import type { RabbitBroker } from './rabbit-broker.ts'
import { HOW_TO_GET, startRabbitBroker } from './rabbit-broker.ts'

let broker: RabbitBroker | undefined
let bed: TopicsBed | undefined
let log: RabbitLog
let harness: TopicsHarness
let ran = 0
let count = 0

beforeAll(async () => {
  broker = await startRabbitBroker()
  if (broker === undefined) return
  bed = await createTopicsBed()
  const elsewhere = await bed.log()
  await elsewhere.database.query('create table effect (event text, label text)')
  log = createRabbitLog(broker.url, { lease: '3s' })
  harness = {
    log,
    async topic(partitions = 1) {
      const name = `topic${++count}`
      await log.ensureTopic(name, { partitions, groups: ['group', 'a', 'b'] })
      return name
    },
    elsewhere: elsewhere.database,
    until,
  }
}, 180_000)

afterAll(async () => {
  await log?.end()
  await bed?.end()
  await broker?.end()
  const said =
    broker === undefined
      ? `skipped  RabbitMQ, because it is not installed: ${HOW_TO_GET}`
      : `ran      RabbitMQ ${broker.version}: ${ran} cases of topics`
  process.stdout.write(`\n${said}\n`)
})

describe('topics on RabbitMQ', () => {
  for (const each of topicsCases) {
    test(each.name, { timeout: 60_000 }, async (context) => {
      if (broker === undefined) return context.skip('RabbitMQ is not installed')
      const missing = missingNeed(each, harness)
      if (missing !== undefined) return context.skip(`this engine has no ${missing}`)
      await runTopicsCase(each, harness)
      ran++
    })
  }

  test('an event that nobody would get is an error', async ({ skip }) => {
    if (broker === undefined) return skip('RabbitMQ is not installed')
    await log.ensureTopic('lonely', { partitions: 2 })
    const publish = (): Promise<void> => log.publish('lonely', [{ messageId: uniqueId(), payload: '1' }])
    await expect(publish()).rejects.toMatchObject({ code: 'TF_MESSAGE_UNROUTABLE' })
    await log.ensureTopic('lonely', { partitions: 2, groups: ['some'] })
    await publish()
    ran++
  })

  test('says what it can not do, and what is not there', async ({ skip }) => {
    if (broker === undefined) return skip('RabbitMQ is not installed')
    const name = await harness.topic(2)
    await expect(log.moveGroup(name, 'group', 'beginning')).rejects.toMatchObject({ code: 'TF_TOPIC_UNSUPPORTED' })
    await expect(log.publish('topik1', [])).rejects.toMatchObject({
      code: 'TF_TOPIC_UNKNOWN',
      message: expect.stringContaining('did you mean'),
    })
    await expect(log.ensureTopic(name, { partitions: 3 })).rejects.toMatchObject({
      code: 'TF_TOPIC_CHANGED',
      details: { present: 2, partitions: 3 },
    })
    const nowhere = createRabbitLog('amqp://127.0.0.1:1', { topics: { a: { partitions: 1 } } })
    await expect(nowhere.publish('a', [{ messageId: uniqueId(), payload: '1' }])).rejects.toMatchObject({
      code: 'TF_BROKER_UNREACHABLE',
    })
    const stranger = createRabbitLog(broker.url.replace('//', '//guest:wrong@'), { topics: { a: { partitions: 1 } } })
    await expect(stranger.publish('a', [{ messageId: uniqueId(), payload: '1' }])).rejects.toMatchObject({
      code: 'TF_BROKER_REFUSED',
    })
    ran++
  })
})
