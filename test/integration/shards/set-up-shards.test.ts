import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { ResolvedSharding } from '../../../src/blueprint/resolved-blueprint.ts'
import { connectDatabase } from '../../../src/sql/database.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import { acceptBuckets, expectBuckets, mapAfter, releaseBuckets } from '../../../src/shards/change-owner.ts'
import { initialMap } from '../../../src/shards/initial-map.ts'
import { installShard } from '../../../src/shards/shard-layout.ts'
import { setUpShards } from '../../../src/shards/set-up-shards.ts'
import { createTestBed } from '../clusters/test-bed.ts'
import type { TestBed } from '../clusters/test-bed.ts'

const SHARDING = { key: 'user_id', strategy: { by: 'hash', count: 2, buckets: 16 }, reference: [] } as const

let bed: TestBed
let servers: DatabaseConnection
let url: (database: string) => string
/** Three databases stand for three shards: what is set up is the same. */
let shards: readonly DatabaseConnection[]

beforeAll(async () => {
  bed = await createTestBed()
  const cluster = bed.cluster('shards')
  await cluster.start()
  url = (database) => cluster.adminUrl().replace(/\/shards(?=\?|$)/, `/${database}`)
  servers = connectDatabase({ url: url('shards'), connectionsMax: 1 })
})

afterAll(async () => {
  await end()
  await servers.end()
  await bed.end()
})

beforeEach(async () => {
  await end()
  shards = await Promise.all(
    ['zero', 'one', 'two'].map(async (name) => connectDatabase({ url: url(name), connectionsMax: 2 })),
  )
  for (const name of ['zero', 'one', 'two']) {
    await servers.query(`drop database if exists ${name} with (force)`)
    await servers.query(`create database ${name}`)
  }
  await everywhere('create table purchase (user_id bigint, id bigint, primary key (user_id, id))')
})

async function end(): Promise<void> {
  await Promise.all((shards ?? []).map((shard) => shard.end()))
}

async function everywhere(statement: string): Promise<void> {
  for (const shard of shards) await shard.query(statement)
}

function setUp(count = 2, sharding: Partial<ResolvedSharding> = {}): ReturnType<typeof setUpShards> {
  const strategy = { ...SHARDING.strategy, count }
  return setUpShards(shards.slice(0, count), { ...SHARDING, strategy, ...sharding })
}

test.each([
  ['a table without the key', 'create table note (id int primary key)', /expected public.note to have the shard key/],
  ['two tables without it', 'create table a (x int); create table b (x int)', /public\.a, public\.b to have/],
  ['a key that is not first', 'create table n (id int, user_id bigint, primary key (id, user_id))', /to begin with/],
  ['no primary key', 'create table n (user_id bigint)', /to begin with/],
  ['a key of another kind', 'create table n (user_id text, primary key (user_id))', /one kind in all tables/],
  [
    'a key that is no key',
    'create table n (user_id numeric primary key)',
    /a whole number, text or a uuid, got numeric/,
  ],
])('refuses %s, and takes it once it is mended', async (_what, statement, message) => {
  await everywhere(statement)
  await expect(setUp()).rejects.toMatchObject({
    code: 'TF_SHARD_TABLE_INVALID',
    message: expect.stringMatching(message),
  })
  await everywhere('drop table if exists note, a, b, n')
  await expect(setUp()).resolves.toMatchObject({ epoch: 1 })
})

test('refuses tables that do not exist yet, since nobody knows the type of the key', async () => {
  await everywhere('drop table purchase')
  await expect(setUp()).rejects.toMatchObject({
    code: 'TF_SHARD_TABLE_INVALID',
    message: 'expected a table with the shard key "user_id", got none',
  })
})

test('makes reference tables the same everywhere, by either name', async () => {
  await everywhere(
    'create schema geo; create table country (code text primary key); create table geo.city (name text primary key)',
  )
  await shards[0]!.query(`insert into country values ('de'); insert into geo.city values ('Ulm')`)
  await setUp(2, { reference: ['country', 'geo.city'] })
  const { rows } = await shards[1]!.query('select code, name from country, geo.city')
  expect(rows).toEqual([{ code: 'de', name: 'Ulm' }])
})

test('is finished by the next after it was killed between two shards, and does nothing the third time', async () => {
  const first = initialMap(SHARDING.strategy, { column: 'user_id', type: 'integer' })
  await installShard(shards[0]!, 0, first)
  expect(await setUp()).toEqual(first)
  expect(await setUp()).toEqual(first)
  const { rows } = await shards[1]!.query('select count(*)::int as owned from tenfold_shards.owned')
  expect(rows).toEqual([{ owned: 8 }])
})

test('gives a shard that is new nothing, and a move can bring it something', async () => {
  const map = await setUp()
  expect(await setUp(3)).toEqual(map)
  const two = shards[2]!
  expect((await two.query('table tenfold_shards.owned')).rows).toEqual([])
  const handover = { buckets: [3], source: 0, target: 2, map, claim: 'first' }
  await expectBuckets(two, handover)
  await releaseBuckets(shards[0]!, handover, 1_000)
  await acceptBuckets(two, handover)
  const moved = mapAfter(handover)
  expect(moved.shardEpochs).toEqual([2, 1, 2])

  // The others hear of it with the next set-up; and now no fewer shards will do.
  expect(await setUp(3)).toEqual(moved)
  const { rows } = await shards[1]!.query('select max(epoch) as epoch from tenfold_shards.map')
  expect(rows).toEqual([{ epoch: 2 }])
  await expect(setUp(2)).rejects.toMatchObject({
    code: 'TF_SHARDING_CHANGED',
    message: 'expected at least 3 shards, since shard 2 has rows, got 2',
  })

  // A shard that was restored to before the move would own the bucket again.
  await shards[0]!.query(
    `update tenfold_shards.owned set state = 'owned', epoch = 1 where bucket = 3; update tenfold_shards.state set epoch = 1`,
  )
  await expect(setUp(3)).rejects.toMatchObject({ code: 'TF_SHARD_STALE' })
})

test('refuses shards in another order, and another way to spread rows', async () => {
  await setUp()
  const swapped = setUpShards([shards[1]!, shards[0]!], SHARDING)
  await expect(swapped).rejects.toMatchObject({ code: 'TF_SHARD_MISTAKEN' })
  const cases: readonly Partial<ResolvedSharding>[] = [
    { key: 'id' },
    { strategy: { by: 'modulo', count: 2 } },
    { strategy: { by: 'hash', count: 2, buckets: 32 } },
  ]
  for (const other of cases) await expect(setUp(2, other)).rejects.toMatchObject({ code: 'TF_SHARDING_CHANGED' })
})
