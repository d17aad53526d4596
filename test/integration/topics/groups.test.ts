import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { uniqueId } from '../../../src/core/random.ts'
import { maintainLog } from '../../../src/topics/logs/postgres/maintain.ts'
import type { PostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import type { Membership, PartitionClaim } from '../../../src/topics/topic-log.ts'
import { until } from '../clusters/test-bed.ts'
import type { TestLog, TopicsBed } from './topics-bed.ts'
import { createTopicsBed } from './topics-bed.ts'

let bed: TopicsBed
let topics: TestLog
let log: PostgresLog

beforeAll(async () => {
  bed = await createTopicsBed()
})

afterAll(() => bed.end())

beforeEach(async () => {
  topics = await bed.log()
  log = createPostgresLog(topics.database, { lease: '2s' })
})

/** A member whose claims the test uses by hand. */
async function member(topic: string, options: { from?: 'now' } = {}) {
  const claims = new Map<number, PartitionClaim>()
  const membership: Membership = await log.join({
    topic,
    group: 'billing',
    ...options,
    async run(claim) {
      claims.set(claim.partition, claim)
      await new Promise((resolve) => {
        claim.ending.addEventListener('abort', resolve)
        claim.lost.addEventListener('abort', resolve)
      })
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

const payloadsOf = (events: readonly { payload: string }[]): readonly string[] => events.map(({ payload }) => payload)

describe('a group', () => {
  test('goes on behind the last commit, whoever has the partition', async () => {
    const { name } = await topics.topic()
    await publish(name, '1', '2', '3', '4')
    const first = await member(name)
    const claim = first.claims.get(0)!
    expect(payloadsOf(await claim.read(3))).toEqual(['1', '2', '3'])
    await claim.commit(2)
    await first.leave()
    const second = await member(name)
    expect(second.claims.get(0)!.epoch).toBeGreaterThan(claim.epoch)
    expect(payloadsOf(await second.claims.get(0)!.read(10))).toEqual(['3', '4'])
    await second.leave()
  })

  test('reads for itself, from the beginning or from now', async () => {
    const { name } = await topics.topic()
    await publish(name, '1')
    const reader = await member(name, { from: 'now' })
    expect(await reader.claims.get(0)!.read(10)).toEqual([])
    await publish(name, '2')
    expect(payloadsOf(await reader.claims.get(0)!.read(10))).toEqual(['2'])
    await reader.leave()
  })

  test('shares partitions fairly when members come and go', async () => {
    const { name } = await topics.topic(4)
    const first = await member(name)
    expect(first.claims.size).toBe(4)
    const second = await member(name)
    await until('both have two', () => first.claims.size === 2 && second.claims.size === 2)
    await first.leave()
    await until('the other has all', () => second.claims.size === 4)
    await second.leave()
  })

  test('keeps a partition while its owner lives, however long nothing is committed', async () => {
    const { name } = await topics.topic()
    const owner = await member(name)
    const other = await member(name)
    await sleep(systemClock, 3_000)
    expect([owner.claims.size, other.claims.size]).toEqual([1, 0])
    await Promise.all([owner.leave(), other.leave()])
  })

  test('takes a partition over from an owner that stands still, whose commit then fails with all its effects', async () => {
    const { name } = await topics.topic()
    await topics.database.query('create table effect (payload text)')
    await publish(name, '1', '2')
    const zombie = await member(name)
    const claim = zombie.claims.get(0)!
    const events = await claim.read(10)
    // As if the process had been stopped: by the database its lease is over, and its own clock has not told it yet.
    await topics.database.query(`update tenfold_topics.progress set lease_until = '-infinity'`)
    await topics.database.query(`update tenfold_topics.member set seen_at = '-infinity'`)
    const heir = await member(name)
    const theirs = heir.claims.get(0)!
    expect(payloadsOf(await theirs.read(10))).toEqual(['1', '2'])
    const late = topics.database.transaction(async (tx) => {
      await tx.query(`insert into effect values ('late')`)
      await claim.commit(events.length, { transaction: tx })
    })
    await expect(late).rejects.toMatchObject({ code: 'TF_CLAIM_LOST' })
    expect(claim.lost.aborted).toBe(true)
    await topics.database.transaction(async (tx) => {
      await tx.query(`insert into effect values ('in time')`)
      await theirs.commit(2, { transaction: tx })
    })
    const { rows } = await topics.database.query('select payload from effect')
    expect(rows).toEqual([{ payload: 'in time' }])
    await Promise.all([zombie.leave(), heir.leave()])
  })

  test('commits with a transaction, or not at all if that is rolled back', async () => {
    const { name } = await topics.topic()
    await publish(name, '1', '2')
    const first = await member(name)
    const claim = first.claims.get(0)!
    await claim.read(10)
    const failed = topics.database.transaction(async (tx) => {
      await claim.commit(1, { transaction: tx })
      throw new Error('the effect failed')
    })
    await expect(failed).rejects.toThrow('the effect failed')
    await topics.database.transaction((tx) => claim.commit(1, { transaction: tx }))
    await first.leave()
    const second = await member(name)
    expect(payloadsOf(await second.claims.get(0)!.read(10))).toEqual(['2'])
    await second.leave()
  })

  test('is left by the deadline, whatever is under way, and the partition is free when the lease is over', async () => {
    const { name } = await topics.topic()
    const claims: PartitionClaim[] = []
    const stuck = await log.join({
      topic: name,
      group: 'billing',
      async run(claim) {
        claims.push(claim)
        await new Promise(() => {})
      },
    })
    await stuck.leave(100)
    expect(claims[0]!.lost.aborted).toBe(true)
    const heir = await member(name)
    await until('the other has it', () => heir.claims.size === 1)
    await heir.leave()
  })

  test('holds slices that it has not read, and those that it has are dropped, though nothing comes any more', async () => {
    const { name } = await topics.topic()
    await publish(name, '1')
    const reader = await member(name)
    const atOnce = { sliceMs: 0, graceMs: 0, retentionMs: 0 }
    const report = await maintainLog(topics.database, atOnce)
    expect(report).toMatchObject({ sealed: [1], dropped: [], held: [{ slice: 1, by: `group ${name}/billing` }] })
    const claim = reader.claims.get(0)!
    await claim.read(10)
    await claim.commit(1)
    await until('the first slice is dropped', async () => {
      await claim.read(10)
      return (await maintainLog(topics.database, { ...atOnce, sliceMs: 3_600_000 })).dropped.includes(1)
    })
    await reader.leave()
  })

  test('is woken soon after something was published, in a transaction or not, and not by other topics', async () => {
    const [{ name }, other] = await Promise.all([topics.topic(), topics.topic()])
    const woken: (number | undefined)[] = []
    const isReady = Promise.withResolvers<void>()
    const stop = log.onWake(name, (partition) => {
      if (partition === undefined) isReady.resolve()
      else woken.push(partition)
    })
    await isReady.promise
    await publish(other.name, 'x')
    await publish(name, '1')
    await until('it is woken', () => woken.length === 1)
    await topics.database.transaction((tx) =>
      log.publish(name, [{ messageId: uniqueId(), payload: '2' }], { transaction: tx }),
    )
    await until('it is woken again', () => woken.length === 2)
    stop()
    await log.end()
  })

  test('must be of a topic that is there', async () => {
    const { name } = await topics.topic()
    await expect(member(`${name}x`)).rejects.toMatchObject({
      code: 'TF_TOPIC_UNKNOWN',
      message: expect.stringContaining(`did you mean ${name}?`) as string,
    })
  })
})
