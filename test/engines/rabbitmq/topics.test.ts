import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectRabbit } from '../../../src/backends/rabbitmq/rabbit-connection.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { uniqueId } from '../../../src/core/random.ts'
import { createTopicLogs } from '../../../src/service/topic-logs.ts'
import { createConsumer } from '../../../src/topics/consumer.ts'
import type { GroupLag } from '../../../src/topics/lag.ts'
import { lagBetween } from '../../../src/topics/lag.ts'
import { dropRabbitGroup } from '../../../src/topics/logs/rabbitmq/drop-rabbit-group.ts'
import { groupNames, topicNames } from '../../../src/topics/logs/rabbitmq/names.ts'
import { createRabbitLagReader } from '../../../src/topics/logs/rabbitmq/read-lag.ts'
import type { Membership, PartitionClaim } from '../../../src/topics/topic-log.ts'
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

  test('an event that nobody would get is an error', { timeout: 60_000 }, async ({ skip }) => {
    if (broker === undefined) return skip('RabbitMQ is not installed')
    await log.ensureTopic('lonely', { partitions: 2 })
    const publish = (): Promise<void> => log.publish('lonely', [{ messageId: uniqueId(), payload: '1' }])
    await expect(publish()).rejects.toMatchObject({ code: 'TF_MESSAGE_UNROUTABLE' })
    await log.ensureTopic('lonely', { partitions: 2, groups: ['some'] })
    await publish()
    ran++
  })

  test('members share the partitions, and have those of one that leaves', { timeout: 60_000 }, async ({ skip }) => {
    if (broker === undefined) return skip('RabbitMQ is not installed')
    const topic = await harness.topic(5)
    const join = async (): Promise<{ held: Set<number>; member: Membership }> => {
      const held = new Set<number>()
      const run = async ({ partition, ending, lost }: PartitionClaim): Promise<void> => {
        held.add(partition)
        await new Promise<void>((resolve) =>
          AbortSignal.any([ending, lost]).addEventListener('abort', () => resolve(), { once: true }),
        )
        held.delete(partition)
      }
      return { held, member: await log.join({ topic, group: 'group', run }) }
    }
    const one = await join()
    await until('one has all', () => one.held.size === 5)
    const two = await join()
    await until(
      'they share',
      () => one.held.size + two.held.size === 5 && Math.abs(one.held.size - two.held.size) === 1,
    )
    await one.member.leave(1_000)
    await until('two has all', () => two.held.size === 5)
    await two.member.leave(1_000)
    ran++
  })

  test('tells how far groups are', { timeout: 60_000 }, async ({ skip }) => {
    if (broker === undefined) return skip('RabbitMQ is not installed')
    const topic = await harness.topic(2)
    const reader = createRabbitLagReader(broker.url, { topics: { [topic]: { partitions: 2, groups: ['group'] } } })
    const read = async (): Promise<GroupLag> => lagBetween(undefined, await reader.read())[0]!
    await read()
    const events = Array.from({ length: 30 }, (_, n) => ({ messageId: uniqueId(), key: `k${n}`, payload: '1' }))
    await log.publish(topic, events)
    expect(await read()).toMatchObject({ messages: 30, members: 0 })
    await until('it gets older', async () => (await read()).oldestAgeMs > 100)
    const before = await reader.read()
    const gate = Promise.withResolvers<void>()
    const consumer = createConsumer({ log, topic, group: 'group', handler: { each: () => gate.promise } })
    await consumer.start()
    await until('somebody has them', async () => (await read()).members === 1)
    expect((await read()).messages).toBe(30)
    gate.resolve()
    await until('they are done', async () => (await read()).messages === 0)
    const done = (await reader.read()).partitions.reduce((sum, reading) => sum + reading.done, 0n)
    expect([done, before.topics[0]?.published]).toEqual([30n, 30n])
    await consumer.stop()
    await reader.end()
    ran++
  })

  test(
    'keeps what the broker itself puts aside, and reads what others have published',
    { timeout: 60_000 },
    async ({ skip }) => {
      if (broker === undefined) return skip('RabbitMQ is not installed')
      const topic = await harness.topic()
      const names = groupNames(topic, 'group')
      const connection = await connectRabbit({ url: broker.url, name: 'test', silenceMs: 10_000, clock: systemClock })
      const channel = await connection.channel()
      await log.publish(topic, [{ messageId: uniqueId(), key: 'k', payload: '"ours"' }])
      // As the broker does when it has been handed out too often.
      const reader = await connection.channel()
      await reader.consume(names.queue(0), (message) => reader.nack(message!, false, false))
      const letters = await log.deadLetters(topic, 'group')
      await until('it is put aside', async () => (await letters.list()).length === 1)
      await reader.close()
      expect(await letters.list()).toMatchObject([
        { payload: '"ours"', key: 'k', cause: expect.stringContaining('rejected') },
      ])
      channel.publish(topicNames(topic).exchange, '0', Buffer.from('"theirs"'), { messageId: 'order 7' })
      const seen: string[] = []
      const consumer = createConsumer<string>({
        log,
        topic,
        group: 'group',
        handler: { each: async ({ value, key }) => void seen.push(`${value} ${key}`) },
      })
      await consumer.start()
      await until('theirs is there', () => seen.length === 1)
      expect(await letters.redrive({ key: 'other' })).toBe(0)
      expect(await letters.redrive({ key: 'k' })).toBe(1)
      await until('ours is there', () => seen.length === 2)
      expect(seen).toEqual(['theirs undefined', 'ours k'])
      await consumer.stop()
      await connection.end()
      ran++
    },
  )

  test('makes anew what somebody has deleted', { timeout: 60_000 }, async ({ skip }) => {
    if (broker === undefined) return skip('RabbitMQ is not installed')
    const topic = await harness.topic()
    const seen: string[] = []
    const handler = { each: async ({ value }: { value: string }) => void seen.push(value) }
    const consumer = createConsumer<string>({ log, topic, group: 'group', handler })
    await consumer.start()
    await log.publish(topic, [{ messageId: uniqueId(), payload: '"before"' }])
    await until('it is there', () => seen.length === 1)
    const connection = await connectRabbit({ url: broker.url, name: 'test', silenceMs: 10_000, clock: systemClock })
    const channel = await connection.channel()
    for (const group of ['group', 'a', 'b']) await channel.deleteQueue(groupNames(topic, group).queue(0))
    const publish = (): Promise<void> => log.publish(topic, [{ messageId: uniqueId(), payload: '"after"' }])
    await until('its queue is there again', () =>
      publish().then(
        () => true,
        () => false,
      ),
    )
    await until('the next is there, too', () => seen.length === 2)
    await consumer.stop()
    await connection.end()
    ran++
  })

  test('forgets a group that nobody reads for, and all that waits for it', { timeout: 60_000 }, async ({ skip }) => {
    if (broker === undefined) return skip('RabbitMQ is not installed')
    const topic = await harness.topic(2)
    const drop = (group: string): Promise<void> =>
      dropRabbitGroup({ url: broker!.url, topic, partitions: 2, groups: ['group'], clock: systemClock }, group)
    let seen = 0
    const consumer = createConsumer({ log, topic, group: 'group', handler: { each: async () => void seen++ } })
    await consumer.start()
    await log.publish(topic, [{ messageId: uniqueId(), payload: '1' }])
    await until('it is done', () => seen === 1)
    await expect(drop('group')).rejects.toMatchObject({ code: 'TF_GROUP_BUSY' })
    await consumer.stop()
    await log.publish(topic, [{ messageId: uniqueId(), payload: '1' }])
    await drop('group')
    await expect(drop('group')).rejects.toMatchObject({ code: 'TF_GROUP_UNKNOWN' })
    // A process that publishes is told that nobody reads for it any more, and does not make it again.
    const binding = (groups: readonly string[]) => ({
      key: 'id',
      database: 'orders',
      hasSchema: false,
      engine: { kind: 'rabbitmq', url: broker!.url, partitions: 2, groups } as const,
    })
    const before = binding(['group', 'other'])
    const logs = createTopicLogs({ publishes: { [topic]: before } }, undefined as never, systemClock)
    logs.rebind({ publishes: { [topic]: binding(['other']) } })
    await logs.onEngine(before).publish(topic, [{ messageId: uniqueId(), payload: '2' }])
    await logs.end()
    const connection = await connectRabbit({ url: broker.url, name: 'test', silenceMs: 10_000, clock: systemClock })
    const channel = await connection.channel()
    await expect(channel.checkQueue(groupNames(topic, 'group').queue(0))).rejects.toMatchObject({ code: 404 })
    await connection.end()
    ran++
  })

  test('does not wait for ever for a broker that stands still', { timeout: 60_000 }, async ({ skip }) => {
    if (broker === undefined) return skip('RabbitMQ is not installed')
    const topic = await harness.topic()
    const impatient = createRabbitLog(broker.url, {
      topics: { [topic]: { partitions: 1, groups: ['group'] } },
      confirm: '500ms',
    })
    const publish = (): Promise<void> => impatient.publish(topic, [{ messageId: uniqueId(), payload: '1' }])
    await publish()
    broker.freeze()
    const startMs = performance.now()
    await expect(publish()).rejects.toMatchObject({ code: 'TF_PUBLISH_INDETERMINATE' })
    expect(performance.now() - startMs).toBeLessThan(5_000)
    // The next ones would be on a new connection, which they wait for together.
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, publish))
    expect(performance.now() - startMs).toBeLessThan(20_000)
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'TF_BROKER_UNREACHABLE' } })
    }
    broker.thaw()
    await until('it takes events again', () =>
      publish().then(
        () => true,
        () => false,
      ),
    )
    await impatient.end()
    await expect(publish()).rejects.toMatchObject({ code: 'TF_BROKER_UNREACHABLE' })
    ran++
  })

  test('says what it can not do, and what is not there', { timeout: 60_000 }, async ({ skip }) => {
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
