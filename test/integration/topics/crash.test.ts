import { afterAll, beforeAll, expect, test } from 'vitest'
import { uniqueId } from '../../../src/core/random.ts'
import type { Membership, PartitionClaim } from '../../../src/topics/topic-log.ts'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { until } from '../clusters/test-bed.ts'
import type { TestLog, TopicsBed } from './topics-bed.ts'
import { createTopicsBed } from './topics-bed.ts'

let bed: TopicsBed
let topics: TestLog

beforeAll(async () => {
  bed = await createTopicsBed()
  topics = await bed.log()
  // So that what was rolled back does not reach the disk before the crash.
  for (const setting of [`wal_writer_delay = '10s'`, `wal_writer_flush_after = '1GB'`]) {
    await bed.admin.query(`alter system set ${setting}`)
  }
  await bed.admin.query('select pg_reload_conf()')
})

afterAll(() => bed.end())

async function nextTransaction(): Promise<bigint> {
  const { rows } = await bed.admin.query<{ next: string }>('select pg_snapshot_xmax(pg_current_snapshot()) as next')
  return BigInt(rows[0]!.next)
}

/** Takes a thousand numbers of transactions that leave nothing behind. */
async function takeNumbers(): Promise<void> {
  await bed.admin
    .query(`
    do $$ begin
      for n in 1..1000 loop
        begin
          perform pg_current_xact_id();
          raise exception 'rolled back';
        exception when raise_exception then
        end;
      end loop;
      raise exception 'rolled back' using errcode = '22000';
    end $$`)
    .catch(() => undefined)
}

test('after a crash nothing is taken for read whose transaction has a number that was in use before', async () => {
  const { name } = await topics.topic()
  const log = createPostgresLog(topics.database, { lease: '4s' })
  const claims: PartitionClaim[] = []
  const membership: Membership = await log.join({
    topic: name,
    group: 'billing',
    async run(claim) {
      claims.push(claim)
      await new Promise((resolve) => {
        claim.ending.addEventListener('abort', resolve)
        claim.lost.addEventListener('abort', resolve)
      })
    },
  })
  await until('it has the partition', () => claims.length === 1)
  let isReused = false
  for (let tries = 0; tries < 5 && !isReused; tries++) {
    await takeNumbers()
    const before = await nextTransaction()
    expect(await claims.at(-1)!.read(10)).toEqual([])
    await bed.crash()
    isReused = (await nextTransaction()) < before
  }
  expect(isReused).toBe(true)
  await log.publish(name, [{ messageId: uniqueId(), payload: 'after' }])
  const seen: string[] = []
  await until('it is read', async () => {
    const events = await claims
      .at(-1)!
      .read(10)
      .catch(() => [])
    seen.push(...events.map(({ payload }) => payload))
    return seen.length > 0
  })
  expect(seen).toEqual(['after'])
  await membership.leave(1_000)
  await log.end()
}, 120_000)
