import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seededRandom, uniqueId } from '../../../src/core/random.ts'
import type { Handover } from '../../../src/shards/change-owner.ts'
import {
  acceptBuckets,
  expectBuckets,
  keepBuckets,
  mapAfter,
  publishMap,
  releaseBuckets,
} from '../../../src/shards/change-owner.ts'
import { bucketExpression } from '../../../src/shards/bucket-expression.ts'
import type { ShardMap } from '../../../src/shards/shard-map.ts'
import { placeOf } from '../../../src/shards/shard-map.ts'
import { until } from '../clusters/test-bed.ts'
import type { TwoShards } from './two-shards.ts'
import { createTwoShards } from './two-shards.ts'

let bed: TwoShards
let map: ShardMap

beforeAll(async () => {
  bed = await createTwoShards()
  map = bed.map
})

afterAll(() => bed.end())

const INSERT = 'insert into "order" (user_id, id, cents) values ($1, $2, $3)'
/** A user whose bucket is on this shard. */
function userOn(shard: number, but?: number): number {
  for (let user = 1; ; user++) if (placeOf(map, user).shard === shard && user !== but) return user
}

/** Hands buckets over as a move does, but copies their rows by hand where replication would have brought them. */
async function move(given: Omit<Handover, 'claim'>): Promise<ShardMap> {
  const handover = { ...given, claim: uniqueId() }
  const { buckets, source, target } = handover
  const [from, to] = [bed.shards[source]!, bed.shards[target]!]
  await expectBuckets(to, handover)
  await releaseBuckets(from, handover, 2_000)
  const rowsOf = `${bucketExpression(map.partitioning, 'user_id')} = any ($1)`
  const { rows } = await from.query(`select coalesce(json_agg(o), '[]') as rows from "order" o where ${rowsOf}`, [
    buckets,
  ])
  await to.transaction(async (tx) => {
    // As an apply worker does, past the guards.
    await tx.query(`alter table "order" disable trigger tenfold_guard`)
    await tx.query(`delete from "order" where ${rowsOf}`, [buckets])
    await tx.query(`insert into "order" select * from json_populate_recordset(null::"order", $1)`, [
      JSON.stringify(rows[0]!.rows),
    ])
    await tx.query(`alter table "order" enable trigger tenfold_guard`)
  })
  await acceptBuckets(to, handover)
  const next = mapAfter(handover)
  for (const shard of bed.shards) await publishMap(shard, next)
  return next
}

describe('the guard of a shard', () => {
  test('refuses rows of other shards, whoever writes them', async () => {
    const [first] = bed.shards
    const [mine, other] = [userOn(0), userOn(1)]
    await first.query(INSERT, [mine, uniqueId(), 1])
    await expect(first.query(INSERT, [other, uniqueId(), 1])).rejects.toMatchObject({ code: 'TF001' })
    await expect(
      first.query('update "order" set user_id = $1 where user_id = $2', [other, mine]),
    ).rejects.toMatchObject({
      code: 'TF001',
    })
  })

  test('lets many rows of many buckets in at once, and none if one of them is elsewhere', async () => {
    const [first] = bed.shards
    const users = Array.from({ length: 400 }, (_, n) => n + 1_000)
    const here = users.filter((user) => placeOf(map, user).shard === 0)
    const insertAll = (given: readonly number[]) =>
      first.query('insert into "order" select user_id, gen_random_uuid(), 1 from unnest($1::bigint[]) user_id', [given])
    expect((await insertAll(here)).rowCount).toBe(here.length)
    await expect(insertAll(users)).rejects.toMatchObject({ code: 'TF001' })
    // A savepoint that is rolled back has let go of its locks, so they are not remembered.
    await first.transaction(async (tx) => {
      await tx.query('savepoint one')
      await tx.query(INSERT, [here[0], uniqueId(), 1])
      await tx.query('rollback to one')
      const { rows } = await tx.query<{ held: string }>(`select current_setting('tenfold.held', true) as held`)
      expect(rows[0]!.held ?? '').toBe('')
    })
  })
})

describe('a client', () => {
  test('reaches the shard of each key, by statements, transactions and reads', async () => {
    const client = bed.client()
    for (const user of [userOn(0), userOn(1)]) {
      const id = uniqueId()
      await client.shard(user).query(INSERT, [user, id, 7])
      await client
        .shard(user)
        .transaction((tx) => tx.query('update "order" set cents = 8 where user_id = $1 and id = $2', [user, id]))
      const { rows } = await client
        .shard(user)
        .query('select cents from "order" where user_id = $1 and id = $2', [user, id])
      expect(rows).toEqual([{ cents: 8 }])
      const { shard } = placeOf(map, user)
      const there = await bed.shards[shard]!.query('select cents from "order" where id = $1', [id])
      expect(there.rows).toHaveLength(1)
    }
  })

  test('that writes another key than it named is told so', async () => {
    const client = bed.client()
    await expect(client.shard(userOn(0)).query(INSERT, [userOn(1), uniqueId(), 1])).rejects.toMatchObject({
      code: 'TF_SHARD_KEY_INVALID',
    })
    await expect(client.shard('x' as unknown as number).query('select 1')).rejects.toMatchObject({
      code: 'TF_SHARD_KEY_INVALID',
    })
  })

  test('with an old map finds what has moved, and never takes its absence for an answer', async () => {
    const user = userOn(0)
    const [old, fresh] = [bed.client(), bed.client()]
    const id = uniqueId()
    await old.shard(user).query(INSERT, [user, id, 1])
    map = await move({ buckets: [placeOf(map, user).bucket], source: 0, target: 1, map })
    await fresh.shard(user).query('update "order" set cents = 2 where user_id = $1 and id = $2', [user, id])
    const read = 'select cents from "order" where user_id = $1 and id = $2'
    // The rows are still on the old shard, as they were.
    expect((await old.shard(user).query(read, [user, id])).rows).toEqual([{ cents: 2 }])
    const older = bed.client()
    expect((await older.shard(userOn(0, user)).query('select 1 as one')).rows).toEqual([{ one: 1 }])
    map = await move({ buckets: [placeOf(map, user).bucket], source: 1, target: 0, map })
    await bed.shards[1].query('delete from tenfold_shards.owned where state = $1', ['moved'])
    // No row matches there any more, so no guard of a row would say anything.
    const update = await older
      .shard(user)
      .query('update "order" set cents = 3 where user_id = $1 and id = $2', [user, id])
    expect(update.rowCount).toBe(1)
    const inTransaction = await old.shard(user).transaction((tx) => tx.query(read, [user, id]))
    expect(inTransaction.rows).toEqual([{ cents: 3 }])
  })

  test('waits for a bucket that nobody has, and goes on when it is kept', async () => {
    const user = userOn(1)
    const client = bed.client()
    await client.shard(user).query('select 1')
    const handover = { buckets: [placeOf(map, user).bucket], source: 1, target: 0, map, claim: 'one' }
    await expectBuckets(bed.shards[0], handover)
    await releaseBuckets(bed.shards[1], handover, 1_000)
    const written = client.shard(user).query(INSERT, [user, uniqueId(), 5])
    const read = client.shard(user).query('select 1 as one')
    await keepBuckets(bed.shards[1], handover)
    expect((await written).rowCount).toBe(1)
    expect((await read).rows).toEqual([{ one: 1 }])
  })

  test.each(['read committed', 'repeatable read', 'serializable'] as const)(
    'nothing is lost, doubled or read too early while buckets go to and fro: %s',
    async (isolation) => {
      const random = seededRandom(7)
      const clients = [bed.client(), bed.client()]
      const users = Array.from({ length: 12 }, (_, n) => 5_000 + n)
      const acknowledged = new Map<string, number>()
      const over = new AbortController()
      const worker = async (n: number): Promise<void> => {
        const client = clients[n % 2]!
        while (!over.signal.aborted) {
          const user = random.pick(users)
          const id = uniqueId()
          if (random.next() < 0.5) await client.shard(user).query(INSERT, [user, id, 1])
          else {
            await client.shard(user).transaction(
              async (tx) => {
                await tx.query('select count(*) from "order" where user_id = $1', [user])
                await tx.query(INSERT, [user, id, 1])
              },
              { isolation, retries: 20 },
            )
          }
          acknowledged.set(id, user)
          const other = random.pick(clients)
          const { rows } = await other
            .shard(user)
            .query('select id from "order" where user_id = $1 and id = $2', [user, id])
          expect(rows).toHaveLength(1)
        }
      }
      const workers = Array.from({ length: 8 }, (_, n) => worker(n))
      for (let round = 0; round < 12; round++) {
        const count = acknowledged.size
        await until('everybody has written', () => acknowledged.size >= count + 10)
        const source = round % 2
        const buckets = [...new Set(users.map((user) => placeOf(map, user)))]
          .filter(({ shard }) => shard === source)
          .map(({ bucket }) => bucket)
        map = await move({ buckets: [...new Set(buckets)], source, target: 1 - source, map })
      }
      over.abort()
      await Promise.all(workers)
      const rows = (
        await Promise.all(
          bed.shards.map(async (shard, n) => {
            const found = await shard.query<{ id: string; user_id: string }>('select id, user_id from "order"')
            return found.rows.filter(({ user_id }) => placeOf(map, user_id).shard === n)
          }),
        )
      ).flat()
      const times = Map.groupBy(rows, ({ id }) => id)
      expect([...acknowledged.keys()].filter((id) => times.get(id)?.length !== 1)).toEqual([])
    },
  )
})
