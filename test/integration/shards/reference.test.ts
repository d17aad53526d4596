import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { copyReference } from '../../../src/shards/reference/copy-reference.ts'
import { guardReference } from '../../../src/shards/reference/guard-reference.ts'
import { createReferenceKeeper } from '../../../src/shards/reference/keep-reference.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import { until } from '../clusters/test-bed.ts'
import type { TwoShards } from './two-shards.ts'
import { createTwoShards } from './two-shards.ts'

const TABLES = `
  create table country (code text primary key, name text unique, area float8, since timestamptz, tags text[], raw bytea,
    number int generated always as identity, label text generated always as (code || '!') stored);
  create table currency (code text, part int, primary key (code, part));
  create table "order" (user_id bigint, id int, country text references country, primary key (user_id, id))`
const NAMES = ['country', 'public.currency']

let bed: TwoShards

beforeAll(async () => {
  bed = await createTwoShards(TABLES)
  for (const [number, shard] of bed.shards.entries()) await guardReference(shard, number, NAMES)
})

afterAll(() => bed.end())

/** As superuser. */
function admin(shard: number): DatabaseConnection {
  return bed.places.admin(shard) as DatabaseConnection
}

/** As the role of a service, which may write everything. */
async function asService(database: DatabaseConnection, text: string): Promise<void> {
  await database.query(
    `do $$ begin if not exists (select from pg_roles where rolname = 'service') then create role service; end if; end $$`,
  )
  await database.query('grant all on all tables in schema public to service')
  await database.transaction(async (tx) => {
    await tx.query('set local role service')
    await tx.query(text)
  })
}

async function countries(shard: number): Promise<unknown> {
  const { rows } = await bed.shards[shard]!.query(
    `select *, raw::text, extract(epoch from since)::text as at from country order by code`,
  )
  return rows
}

const INSERT = `insert into country (code, name, area, since, tags, raw) values
  ('DE', 'Germany', 0.1, '1949-05-23 00:00+01', '{a,"b c"}', '\\xff00'), ('FR', null, 'NaN', null, null, null)`

test('a service writes reference tables on the first shard only', async () => {
  await expect(asService(admin(1), INSERT)).rejects.toMatchObject({ code: 'TF003' })
  await asService(admin(0), INSERT)
  const client = bed.client()
  const written = await client.reference.query(`update country set name = 'France' where code = 'FR' returning name`)
  expect(written.rows).toEqual([{ name: 'France' }])
})

test('what is different on a shard is made the same, with every type and what is generated', async () => {
  const shards = [0, 1].map((shard) => admin(shard))
  // Another zone of time changes nothing.
  await shards[1]!.query(`alter role current_user set timezone = 'Asia/Kolkata'`)
  await bed.shards[1].query(`insert into country (code, name) overriding system value values ('XX', 'Nowhere')`)
  const first = await copyReference(shards, NAMES)
  expect(first).toMatchObject({ copied: [{ table: 'public.country', shard: 1 }] })
  expect(first.failures.size).toBe(0)
  expect(await countries(1)).toEqual(await countries(0))
  expect((await copyReference(shards, NAMES)).copied).toEqual([])
})

test('a shard that can not take what is new says why, and the others have it', async () => {
  await bed.shards[1].query(`insert into "order" select user_id, 1, 'FR' from generate_series(1, 100) user_id
    where (hashint8extended(user_id, 0) & 15) in (select bucket from tenfold_shards.owned)`)
  await bed.shards[0].query(`delete from country where code = 'FR'`)
  const { failures } = await copyReference(
    [0, 1].map((shard) => admin(shard)),
    NAMES,
  )
  expect(failures.get(1)).toMatchObject({ code: '23503' })
  await bed.shards[1].query('delete from "order"')
})

test('changes reach the other shards in a moment, while somebody keeps them the same', async () => {
  const troubles: number[] = []
  const keeper = createReferenceKeeper({
    shards: () => [0, 1].map((shard) => admin(shard)),
    tables: () => NAMES,
    clock: systemClock,
    onTrouble: ({ size }) => troubles.push(size),
  })
  keeper.start()
  try {
    const client = bed.client()
    for (let part = 0; part < 5; part++) {
      await client.reference.transaction(async (tx) => {
        await tx.query('insert into currency values ($1, $2)', ['EUR', part])
      })
      await until('the other shard has it', async () => {
        const { rows } = await bed.shards[1].query('select from currency where part = $1', [part])
        return rows.length === 1
      })
    }
    await bed.shards[0].query('truncate currency')
    await until(
      'it is empty there, too',
      async () => (await bed.shards[1].query('select from currency')).rows.length === 0,
    )
  } finally {
    await keeper.stop()
  }
  expect(troubles).toEqual([])
})
