import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectKafka } from '../../../src/backends/kafka/kafka-connection.ts'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { hasCode } from '../../../src/core/errors.ts'
import { uniqueId } from '../../../src/core/random.ts'
import { dropKafkaGroup } from '../../../src/topics/logs/kafka/drop-kafka-group.ts'
import { sendLeave } from '../../../src/topics/logs/kafka/group-heartbeat.ts'
import type { KafkaLog } from '../../../src/topics/logs/kafka/kafka-log.ts'
import { createKafkaLog } from '../../../src/topics/logs/kafka/kafka-log.ts'
import { ensureKafkaTopic } from '../../../src/topics/logs/kafka/kafka-topic.ts'
import { peekKafka } from '../../../src/topics/logs/kafka/peek-kafka.ts'
import { createKafkaLagReader } from '../../../src/topics/logs/kafka/read-lag.ts'
import type { PeekOptions } from '../../../src/topics/topic-operations.ts'
import type { PartitionClaim } from '../../../src/topics/topic-log.ts'
import { until } from '../../integration/clusters/test-bed.ts'
import type { KafkaBed } from './kafka-bed.ts'
import { createKafkaBed } from './kafka-bed.ts'

let bed: KafkaBed
let log: KafkaLog

beforeAll(async () => {
  bed = await createKafkaBed()
  if (bed.missing === undefined) log = bed.log()
}, 180_000)
afterAll(async () => {
  await log?.end()
  await bed.end()
})

/** A case that needs a broker. */
function kafkaTest(name: string, run: () => Promise<void>): void {
  test(name, { timeout: 200_000 }, async ({ skip }) => {
    if (bed.missing !== undefined) return skip(bed.missing)
    await run()
    bed.ran()
  })
}

interface MemberOptions {
  readonly from?: 'now'
  /** What the work on a partition does when it is asked to end. @default nothing */
  readonly onEnding?: () => Promise<void>
  readonly through?: KafkaLog
}

/** A member whose claims the test uses by hand. */
async function member(topic: string, { from, onEnding, through = log }: MemberOptions = {}) {
  const claims = new Map<number, PartitionClaim>()
  const membership = await through.join({
    topic,
    group: 'billing',
    from,
    async run(claim) {
      claims.set(claim.partition, claim)
      await new Promise((resolve) => {
        claim.ending.addEventListener('abort', resolve)
        claim.lost.addEventListener('abort', resolve)
      })
      if (!claim.lost.aborted) await onEnding?.()
      if (claims.get(claim.partition) === claim) claims.delete(claim.partition)
    },
  })
  return { claims, leave: () => membership.leave(10_000) }
}

async function publish(topic: string, ...payloads: string[]): Promise<void> {
  await log.publish(
    topic,
    payloads.map((payload) => ({ messageId: uniqueId(), key: 'a', payload })),
  )
}

/** As a relay does: it may be there twice then. */
async function publishPersistently(topic: string, payload: string): Promise<void> {
  for (;;) {
    try {
      return await publish(topic, payload)
    } catch (error) {
      if (!hasCode(error, 'TF_BROKER_UNREACHABLE')) throw error
    }
  }
}

/** All that a claim has now: what was published before is there within one request. */
async function readAll(claim: PartitionClaim, count: number): Promise<readonly string[]> {
  const payloads: string[] = []
  await until(`${count} events are there`, async () => {
    payloads.push(...(await claim.read(100)).map(({ payload }) => payload))
    return payloads.length >= count
  })
  return payloads
}

describe('a group in Kafka', () => {
  kafkaTest('gives a partition to another member only when the work of the first on it has ended', async () => {
    const topic = await bed.topic(4)
    const gate = Promise.withResolvers<void>()
    let asked = 0
    const first = await member(topic, { onEnding: async () => (asked++, await gate.promise) })
    await until('the first has all', () => first.claims.size === 4)
    const second = await member(topic)
    await until('it is asked for two', () => asked === 2)
    await sleep(systemClock, 2_000)
    expect([first.claims.size, second.claims.size]).toEqual([4, 0])
    gate.resolve()
    await until('both have two', () => first.claims.size === 2 && second.claims.size === 2)
    await first.leave()
    await until('the second has all', () => second.claims.size === 4)
    await second.leave()
  })

  kafkaTest('goes on behind the last commit, whoever has the partition', async () => {
    const topic = await bed.topic()
    await publish(topic, '1', '2', '3', '4')
    const first = await member(topic)
    await until('it has the partition', () => first.claims.size === 1)
    const claim = first.claims.get(0)!
    expect((await claim.read(3)).map(({ payload, sequence }) => [payload, sequence])).toEqual([
      ['1', 1],
      ['2', 2],
      ['3', 3],
    ])
    await claim.commit(2)
    await first.leave()
    const second = await member(topic)
    await until('the other has the partition', () => second.claims.size === 1)
    expect(second.claims.get(0)!.epoch).toBeGreaterThan(claim.epoch)
    expect(await readAll(second.claims.get(0)!, 2)).toEqual(['3', '4'])
    await second.leave()
  })

  kafkaTest('refuses the commit of a member that it has put out, and takes it in again', async () => {
    const topic = await bed.topic()
    await publish(topic, '1', '2')
    const zombie = await member(topic)
    await until('it has the partition', () => zombie.claims.size === 1)
    const claim = zombie.claims.get(0)!
    await readAll(claim, 2)
    const group = `${topic}.billing`
    const { groups } = await bed.connection.askCoordinator<{ groups: { members: { memberId: string }[] }[] }>(
      group,
      'ConsumerGroupDescribe',
      [group],
      false,
    )
    await sendLeave(bed.connection, { group, memberId: groups[0]!.members[0]!.memberId })
    await expect(claim.commit(2)).rejects.toMatchObject({ code: 'TF_CLAIM_LOST' })
    expect(claim.lost.aborted).toBe(true)
    await until('it is a member again', () => zombie.claims.size === 1)
    expect(await readAll(zombie.claims.get(0)!, 2)).toEqual(['1', '2'])
    await zombie.leave()
  })

  kafkaTest('takes its partitions from a member that hears nothing for longer than a session', async () => {
    const topic = await bed.topic()
    await publish(topic, '1')
    const own = createKafkaLog({ url: bed.broker.url, database: bed.database, session: '2s' })
    const cutOff = await member(topic, { through: own })
    await until('it has the partition', () => cutOff.claims.size === 1)
    const claim = cutOff.claims.get(0)!
    bed.broker.pause()
    try {
      await until('it has lost it by its own clock', () => claim.lost.aborted)
    } finally {
      bed.broker.resume()
    }
    await expect(claim.read(1)).rejects.toMatchObject({ code: 'TF_CLAIM_LOST' })
    await until('it has it again', () => cutOff.claims.size === 1 && cutOff.claims.get(0) !== claim)
    expect(await readAll(cutOff.claims.get(0)!, 1)).toEqual(['1'])
    await cutOff.leave()
    await own.end()
  })

  kafkaTest('begins at the end if that is wanted, or goes to a time', async () => {
    const topic = await bed.topic()
    await publish(topic, '1')
    await sleep(systemClock, 20)
    const epochMs = systemClock.epochMs()
    await publish(topic, '2')
    const reader = await member(topic, { from: 'now' })
    await until('it has the partition', () => reader.claims.size === 1)
    await publish(topic, '3')
    expect(await readAll(reader.claims.get(0)!, 1)).toEqual(['3'])
    const before = reader.claims.get(0)
    await log.moveGroup(topic, 'billing', { epochMs })
    await until('it has it anew', () => reader.claims.size === 1 && reader.claims.get(0) !== before)
    expect(before!.lost.aborted).toBe(true)
    expect(await readAll(reader.claims.get(0)!, 2)).toEqual(['2', '3'])
    await log.moveGroup(topic, 'billing', { epochMs: epochMs + 3_600_000 })
    await until('it has it once more', () => reader.claims.get(0)?.lost.aborted === false)
    await publish(topic, '4')
    await until('it is behind all others', async () => {
      const events = await reader.claims
        .get(0)
        ?.read(10)
        .catch(() => [])
      return events?.length === 1 && events[0]?.payload === '4'
    })
    await reader.leave()
  })

  kafkaTest('is forgotten once nobody reads for it, and is new when it comes back', async () => {
    const topic = await bed.topic()
    const drop = (): Promise<void> => dropKafkaGroup(bed, topic, 'billing')
    await expect(drop()).rejects.toMatchObject({ code: 'TF_GROUP_UNKNOWN' })
    await publish(topic, '1', '2')
    const first = await member(topic)
    await until('it has the partition', () => first.claims.size === 1)
    await readAll(first.claims.get(0)!, 2)
    await first.claims.get(0)!.commit(2)
    await expect(drop()).rejects.toMatchObject({ code: 'TF_GROUP_BUSY' })
    await first.leave()
    await until('nobody is there', () =>
      drop().then(
        () => true,
        () => false,
      ),
    )
    await expect(drop()).rejects.toMatchObject({ code: 'TF_GROUP_UNKNOWN' })
    const second = await member(topic)
    await until('it has the partition', () => second.claims.size === 1)
    expect(await readAll(second.claims.get(0)!, 2)).toEqual(['1', '2'])
    await second.leave()
  })

  kafkaTest('goes on with the first event that is left when Kafka has deleted what it had not read', async () => {
    const topic = await bed.topic()
    await publish(topic, '1', '2', '3')
    const first = await member(topic)
    await until('it has the partition', () => first.claims.size === 1)
    await readAll(first.claims.get(0)!, 3)
    await first.claims.get(0)!.commit(1)
    await first.leave()
    const partitions = [{ partitionIndex: 0, offset: 2n }]
    await bed.connection.askBroker(1, 'DeleteRecords', [{ name: topic, partitions }], 5_000)
    const second = await member(topic)
    await until('it has the partition', () => second.claims.size === 1)
    expect(await readAll(second.claims.get(0)!, 1)).toEqual(['3'])
    await second.leave()
  })

  kafkaTest('reads what others have written, each under an id that stays', async () => {
    const topic = await bed.topic()
    const message = { topic, partition: 0, key: undefined, headers: new Map(), timestamp: 1_700_000_000_000n }
    await bed.connection.produce([{ ...message, value: Buffer.from('{}') }])
    const ids: string[] = []
    for (let n = 0; n < 2; n++) {
      const reader = await member(topic)
      await until('it has the partition', () => reader.claims.size === 1)
      await until('it is there', async () => {
        const events = await reader.claims.get(0)!.read(10)
        ids.push(...events.map(({ messageId }) => messageId))
        return events.length === 1 && events[0]!.publishedEpochMs === 1_700_000_000_000
      })
      await reader.leave()
    }
    expect(ids[0]).toBe(ids[1])
    expect(ids[0]).toMatch(/^[\da-f]{8}-[\da-f]{4}-8/)
  })
})

describe('a look at events in Kafka', () => {
  kafkaTest('shows the newest, those since a time, and those that a group has not finished', async () => {
    const topic = await bed.topic(2)
    const publishedEpochMs = systemClock.epochMs() - 60_000
    const event = (n: number) => ({
      messageId: uniqueId(),
      key: `key ${n % 5}`,
      payload: String(n),
      headers: { from: 'test' },
      publishedEpochMs: publishedEpochMs + n * 1_000,
    })
    const numbers = Array.from({ length: 30 }, (_, n) => n)
    for (const n of numbers) await log.publish(topic, [event(n)])
    const peek = async (options: Partial<PeekOptions>): Promise<readonly number[]> =>
      (await peekKafka(bed, topic, { which: 'newest', max: 100, ...options })).map(({ payload }) => Number(payload))
    expect(await peek({})).toEqual(numbers.toReversed())
    expect(await peek({ max: 4 })).toEqual([29, 28, 27, 26])
    const halves = await Promise.all([0, 1].map((partition) => peek({ partition })))
    expect(halves.flat().toSorted((a, b) => a - b)).toEqual(numbers)
    expect(await peek({ partition: 2 })).toEqual([])
    expect(await peek({ which: { sinceEpochMs: publishedEpochMs + 20_000 }, max: 5 })).toEqual([20, 21, 22, 23, 24])
    expect(await peek({ which: { sinceEpochMs: publishedEpochMs + 60_000 } })).toEqual([])
    const [newest] = await peekKafka(bed, topic, { which: 'newest', max: 1 })
    expect(newest).toMatchObject({
      key: 'key 4',
      headers: { from: 'test' },
      publishedEpochMs: publishedEpochMs + 29_000,
    })
    await expect(peek({ which: { group: 'billing' } })).rejects.toMatchObject({ code: 'TF_GROUP_UNKNOWN' })
    const reader = await member(topic)
    await until('it has both', () => reader.claims.size === 2)
    expect(await peek({ which: { group: 'billing' } })).toEqual(numbers)
    const done = halves[0]!.length
    await readAll(reader.claims.get(0)!, done)
    await reader.claims.get(0)!.commit(done)
    expect(await peek({ which: { group: 'billing' } })).toEqual(halves[1]!.toReversed())
    await reader.leave()
  })
})

describe('the lag of a group in Kafka', () => {
  kafkaTest('is counted to the event, with its age, its owner, and what it has put aside', async () => {
    const topic = await bed.topic(2)
    const { connection, database } = bed
    const reader = createKafkaLagReader({ connection, database, topics: [topic] })
    const epochMs = systemClock.epochMs() - 60_000
    await log.publish(topic, [
      { messageId: uniqueId(), key: 'a', payload: '1', publishedEpochMs: epochMs },
      { messageId: uniqueId(), key: 'a', payload: '2', publishedEpochMs: epochMs + 30_000 },
    ])
    expect((await reader.read()).partitions).toEqual([])
    const slow = await member(topic)
    await until('it has both', () => slow.claims.size === 2)
    const { partition } = (await reader.read()).partitions.find(({ unread }) => unread > 0)!
    const before = await reader.read()
    expect(before.topics).toEqual([{ topic, partitions: 2, published: 2n }])
    const behind = before.partitions.find((each) => each.partition === partition)!
    expect(behind).toMatchObject({ group: 'billing', unread: 2, isMore: false, done: 0n, deadLetters: 0 })
    expect(behind.owner).toBeDefined()
    expect(behind.oldestAgeMs).toBeGreaterThan(59_000)
    const claim = slow.claims.get(partition)!
    await readAll(claim, 2)
    await claim.commit(1)
    const reason = { state: 'dead', isBlocking: false, attempts: 1, cause: 'no' } as const
    const event = {
      messageId: uniqueId(),
      partition,
      id: '0',
      key: 'a',
      payload: '1',
      headers: {},
      publishedEpochMs: epochMs,
    }
    await (await log.deadLetters(topic, 'billing')).add(event, reason)
    const after = (await reader.read()).partitions.find((each) => each.partition === partition)!
    expect(after).toMatchObject({ unread: 1, done: 1n, deadLetters: 1 })
    expect(after.oldestAgeMs).toBeLessThan(59_000)
    await slow.leave()
    await sleep(systemClock, 100)
    expect((await reader.read()).partitions.map(({ owner }) => owner)).toEqual([undefined, undefined])
  })
})

describe('the log in Kafka', () => {
  kafkaTest('keeps what was published when its broker is killed, and goes on once it is back', async () => {
    const topic = await bed.topic(2)
    const reader = await member(topic)
    await until('it has both', () => reader.claims.size === 2)
    await publish(topic, '0')
    const underWay = Promise.all(Array.from({ length: 50 }, (_, n) => publishPersistently(topic, String(n + 1))))
    await bed.broker.kill()
    const meanwhile = publishPersistently(topic, '51')
    await bed.broker.restart()
    await Promise.all([underWay, meanwhile])
    const seen = new Set<string>()
    await until('all are there', async () => {
      for (const claim of reader.claims.values()) {
        for (const { payload } of await claim.read(100).catch(() => [])) seen.add(payload)
      }
      return seen.size === 52
    })
    await reader.leave()
  })

  kafkaTest('says what is wrong: no such topic, another number of partitions, nobody there', async () => {
    const topic = await bed.topic(2)
    await ensureKafkaTopic(bed.connection, { name: topic, partitions: 2 })
    const more = ensureKafkaTopic(bed.connection, { name: topic, partitions: 3 })
    await expect(more).rejects.toMatchObject({ code: 'TF_TOPIC_CHANGED' })
    await expect(publish('none', '1')).rejects.toMatchObject({ code: 'TF_TOPIC_UNKNOWN' })
    await expect(member('none')).rejects.toMatchObject({ code: 'TF_TOPIC_UNKNOWN' })
    const nobody = connectKafka('kafka://127.0.0.1:1')
    await expect(nobody.topic(topic)).rejects.toMatchObject({ code: 'TF_BROKER_UNREACHABLE' })
    await nobody.end()
  })
})
