import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seededRandom } from '../../../src/core/random.ts'
import { createResharder } from '../../../src/shards/reshard/resharder.ts'
import type { AllShards } from '../../../src/shards/scatter/all-shards.ts'
import type { ShardedDatabase } from '../../../src/shards/sharded-database.ts'
import { placeOf } from '../../../src/shards/shard-map.ts'
import { until } from '../clusters/test-bed.ts'
import type { TwoShards } from './two-shards.ts'
import { createTwoShards } from './two-shards.ts'

interface Tables {
  order: {
    user_id: string
    id: number
    cents: number
    total: string | null
    ratio: number
    status: string
    country: string
    placed_at: Date
    is_paid: boolean
    size: 'small' | 'large'
  }
  item: { user_id: string; order_id: number; line: number; amount: number }
  country: { code: string; name: string }
  person: { user_id: string; name: string }
}

const SHARDED = `
  create type size as enum ('small', 'large');
  create table "order" (
    user_id bigint, id int, cents int not null, total numeric, ratio float8 not null, status text collate "en_US" not null,
    country text not null, placed_at timestamptz not null, is_paid boolean not null, size size not null,
    primary key (user_id, id));
  create table item (user_id bigint, order_id int, line int, amount int not null, primary key (user_id, order_id, line));
  create table country (code text primary key, name text not null);`
const TABLES = `create collation "en_US" (provider = icu, locale = 'en-US');
  create collation no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  create table person (user_id bigint primary key, name text collate no_case);
  ${SHARDED}`

let bed: TwoShards
let client: ShardedDatabase<Tables, number>
/** All rows in one place, to compare with. */
let oracle: Pick<Kysely<Tables>, 'selectFrom'>

beforeAll(async () => {
  bed = await createTwoShards(TABLES)
  client = bed.client() as ShardedDatabase<Tables, number>
  const whole = 'tenfold_whole'
  await bed.shards[0].query(
    `create schema ${whole}; set search_path = ${whole}, public; ${SHARDED}; set search_path = public`,
  )
  const random = seededRandom(3)
  const orders = Array.from({ length: 400 }, (_, id) => ({
    user_id: random.integer(60),
    id,
    cents: random.integer(50),
    total: random.next() < 0.2 ? null : (random.next() * 1e6).toFixed(random.integer(3)),
    ratio: random.integer(20) / 4,
    status: random.pick(['open', 'Open', 'paid', 'Ärger', 'zu', '\uFF5E', '😀', "it's"]),
    country: random.pick(['DE', 'FR', 'US']),
    placed_at: new Date(1_700_000_000_000 + random.integer(1_000) * 86_400_000).toISOString(),
    is_paid: random.next() < 0.5,
    size: random.pick(['small', 'large']),
  }))
  const items = orders.flatMap(({ user_id, id }) =>
    [1, 2].map((line) => ({ user_id, order_id: id, line, amount: random.integer(9) })),
  )
  for (const [schema, shard, isHere] of [
    ['public', 0, (user: number) => placeOf(bed.map, user).shard === 0],
    ['public', 1, (user: number) => placeOf(bed.map, user).shard === 1],
    [whole, 0, () => true],
  ] as const) {
    const into = (table: string, rows: readonly unknown[]) =>
      bed.shards[shard].query(
        `insert into ${schema}."${table}" select * from json_populate_recordset(null::${schema}."${table}", $1)`,
        [JSON.stringify(rows)],
      )
    await into(
      'order',
      orders.filter(({ user_id }) => isHere(user_id)),
    )
    await into(
      'item',
      items.filter(({ user_id }) => isHere(user_id)),
    )
    await into('country', [
      { code: 'DE', name: 'Germany' },
      { code: 'FR', name: 'France' },
    ])
  }
  oracle = (bed.shards[0].db as Kysely<Tables>).withSchema(whole)
})

afterAll(() => bed.end())

type Query = (db: Pick<Kysely<Tables>, 'selectFrom'>) => { execute(): Promise<unknown[]> }

/** With an order that is total, so that there is one answer. */
const ANSWERED: Readonly<Record<string, Query>> = {
  'rows by a number': (db) => db.selectFrom('order').selectAll().orderBy('cents').orderBy('id'),
  'the last rows by a time': (db) =>
    db.selectFrom('order').select(['id', 'placed_at']).orderBy('placed_at', 'desc').orderBy('id').limit(7),
  'a page further on': (db) => db.selectFrom('order').select('id').orderBy('id').limit(20).offset(30),
  'numbers of any length, with NULL': (db) =>
    db.selectFrom('order').select(['id', 'total']).orderBy('total', 'desc').orderBy('id').limit(90),
  'NULL where it is wanted': (db) =>
    db
      .selectFrom('order')
      .select(['id', 'total'])
      .orderBy('total', (order) => order.desc().nullsLast())
      .orderBy('id'),
  'text, by its bytes': (db) =>
    db.selectFrom('order as o').select(['o.id', 'o.country']).orderBy('o.country').orderBy('o.id'),
  'a name that is given': (db) =>
    db.selectFrom('order as o').select(['o.id as number', 'o.cents as id']).orderBy('id').orderBy('number').limit(9),
  'a truth': (db) =>
    db.selectFrom('order').select(['is_paid', 'id']).orderBy('is_paid', 'desc').orderBy('id').limit(250),
  'conditions of any kind': (db) =>
    db
      .selectFrom('order')
      .select('id')
      .where((eb) => eb.or([eb('country', '=', 'DE'), eb('cents', '>', 40)]))
      .where(sql<boolean>`length(status) > ${2}`)
      .orderBy('id'),
  'an expression': (db) =>
    db
      .selectFrom('order')
      .select((eb) => ['id', eb('cents', '*', 2).as('twice'), eb.fn('upper', ['country']).as('up')])
      .orderBy('id'),
  'aggregates of all': (db) =>
    db
      .selectFrom('order')
      .select(({ fn }) => [
        fn.countAll().as('n'),
        fn.count('total').as('totals'),
        fn.sum('cents').as('cents'),
        fn.sum('total').as('total'),
        fn.sum('ratio').as('ratio'),
        fn.min('placed_at').as('first'),
        fn.max('total').as('most'),
        fn.min('country').as('country'),
        fn.avg('ratio').as('mean'),
      ]),
  'aggregates of nothing': (db) =>
    db
      .selectFrom('order')
      .select(({ fn }) => [
        fn.countAll().as('n'),
        fn.sum('cents').as('sum'),
        fn.avg('cents').as('mean'),
        fn.max('id').as('max'),
      ])
      .where('id', '<', 0),
  'some of the rows': (db) =>
    db.selectFrom('order').select(({ fn }) => [fn.count('id').filterWhere('is_paid', '=', true).as('paid')]),
  'groups, by what they have': (db) =>
    db
      .selectFrom('order')
      .select(({ fn }) => ['country', fn.countAll().as('n'), fn.avg('cents').as('mean')])
      .groupBy('country')
      .orderBy('n', 'desc')
      .orderBy('country')
      .limit(2),
  'groups, by their columns': (db) =>
    db
      .selectFrom('order')
      .select(({ fn }) => ['cents', 'is_paid', fn.sum('total').as('sum')])
      .groupBy(['cents', 'is_paid'])
      .orderBy('cents', 'desc')
      .orderBy('is_paid')
      .limit(15)
      .offset(3),
  'groups of times': (db) =>
    db
      .selectFrom('order')
      .select(({ fn }) => ['placed_at', fn.max('cents').as('most')])
      .groupBy('placed_at')
      .orderBy('most')
      .orderBy('placed_at')
      .limit(30),
  'joins by the key, and with what is everywhere': (db) =>
    db
      .selectFrom('order as o')
      .innerJoin('item as i', (join) => join.onRef('i.user_id', '=', 'o.user_id').onRef('i.order_id', '=', 'o.id'))
      .leftJoin('country as c', 'c.code', 'o.country')
      .select(({ fn }) => ['c.name', fn.sum('i.amount').as('amount')])
      .groupBy('c.name')
      .orderBy('c.name', (order) => order.desc().nullsFirst()),
}

describe('a query over all shards', () => {
  test.each(Object.entries(ANSWERED))('answers as one database does: %s', async (_, query) => {
    const expected = await query(oracle).execute()
    expect(await query(client.all().db).execute()).toEqual(expected)
  })

  test('orders text by its bytes, where the column has the order of a language, too', async () => {
    const rows = await client
      .all()
      .db.selectFrom('order')
      .select('status')
      .groupBy('status')
      .orderBy('status')
      .execute()
    expect(rows.map(({ status }) => status)).toEqual(['Open', "it's", 'open', 'paid', 'zu', 'Ärger', '\uFF5E', '😀'])
  })

  test('takes an average of whole numbers to sixteen digits', async () => {
    const [row] = await client
      .all()
      .db.selectFrom('order')
      .select(({ fn }) => fn.avg('cents').as('mean'))
      .execute()
    const [expected] = await oracle
      .selectFrom('order')
      .select(({ fn }) => fn.avg('cents').as('mean'))
      .execute()
    expect(Number(row!.mean)).toBeCloseTo(Number(expected!.mean), 12)
  })

  test('takes a text that says where rows are left out, and how it is merged', async () => {
    const { rows } = await client
      .all()
      .query<{ country: string; n: string }>(
        'select country, count(*) as n, max(o.cents) as most from "order" o where $here(o) and cents > $1 group by country',
        [5],
        { groupBy: ['country'], combine: { n: 'sum', most: 'max' }, orderBy: [{ column: 'country', as: 'text' }] },
      )
    const expected = await oracle
      .selectFrom('order')
      .select(({ fn }) => ['country', fn.countAll().as('n'), fn.max('cents').as('most')])
      .where('cents', '>', 5)
      .groupBy('country')
      .orderBy('country')
      .execute()
    expect(rows).toEqual(expected)
    await expect(client.all().query('select 1', [], {})).rejects.toMatchObject({ code: 'TF_SHARD_UNMERGEABLE' })
  })

  const REFUSED: Readonly<Record<string, Query>> = {
    'a count of different values': (db) =>
      db.selectFrom('order').select(({ fn }) => fn.count('cents').distinct().as('n')),
    'different rows': (db) => db.selectFrom('order').select('cents').distinct(),
    having: (db) => db.selectFrom('order').select('cents').groupBy('cents').having('cents', '>', 1),
    'a window': (db) => db.selectFrom('order').select(({ fn }) => fn.countAll().over().as('n')),
    'a subquery': (db) =>
      db.selectFrom('order').select('id').where('id', 'in', db.selectFrom('item').select('order_id')),
    'a subquery in text': (db) =>
      db
        .selectFrom('order')
        .select('id')
        .where(sql<boolean>`id in (select 1)`),
    'an aggregate in text': (db) => db.selectFrom('order').select(sql`count(*)`.as('n')),
    'an aggregate in an expression': (db) =>
      db.selectFrom('order').select((eb) => eb(eb.fn.sum<number>('cents'), '*', 2).as('twice')),
    'an aggregate by its name': (db) => db.selectFrom('order').select((eb) => eb.fn('sum', ['cents']).as('sum')),
    'another aggregate': (db) => db.selectFrom('order').select(({ fn }) => fn.agg('bool_and', ['is_paid']).as('all')),
    'the order of an enumeration': (db) => db.selectFrom('order').select('id').orderBy('size'),
    'groups of text of which some is equal to other': (db) => db.selectFrom('person').select('name').groupBy('name'),
    'the order of an expression': (db) =>
      db
        .selectFrom('order')
        .select('id')
        .orderBy(sql`cents % 3`),
    'a join by something else': (db) =>
      db.selectFrom('order as o').innerJoin('item as i', 'i.order_id', 'o.id').select('o.id'),
    'a table that is whole everywhere': (db) => db.selectFrom('country').select('name'),
    'rows from everywhere, far on': (db) => db.selectFrom('order').select('id').limit(1).offset(20_000),
    'a lock': (db) => db.selectFrom('order').select('id').forUpdate(),
    'a table that is not there': (db) => db.selectFrom('nothing' as 'order').select('id'),
  }
  test.each(Object.entries(REFUSED))('refuses what can not be merged, and says what to do: %s', async (_, query) => {
    const refused = query(client.all().db).execute()
    await expect(refused).rejects.toMatchObject({ code: 'TF_SHARD_UNMERGEABLE' })
    await expect(refused).rejects.toHaveProperty('hint')
  })

  test('refuses to write, by Kysely, by text and by a function', async () => {
    const all = client.all() as AllShards<Tables> & { db: Kysely<Tables> }
    await expect(all.db.deleteFrom('order').execute()).rejects.toMatchObject({ code: 'TF_SHARD_UNMERGEABLE' })
    const written = all.query(
      'with gone as (delete from "order" o where $here(o) returning 1) select * from gone',
      [],
      {},
    )
    await expect(written).rejects.toMatchObject({ code: '25006' })
  })

  test('says what the server says of a statement that is wrong', async () => {
    await expect(client.all().query('select no from "order" o where $here(o)', [], {})).rejects.toMatchObject({
      code: '42703',
    })
  })

  test('is cancelled at its deadline, with the shards named, or gives what it has', async () => {
    // Only one of the two has the user that waits.
    const slow = `select id from "order" o where $here(o) and (user_id <> $1 or pg_sleep(10) is null)`
    const user = Number((await oracle.selectFrom('order').select('user_id').execute())[0]!.user_id)
    const late = client.all({ deadline: '300ms' }).query(slow, [user], {})
    const { shard } = placeOf(bed.map, user)
    await expect(late).rejects.toMatchObject({ code: 'TF_SHARD_UNANSWERED', details: { shards: [shard] } })
    const partly = client.all({ deadline: '300ms', partial: true })
    const { rows } = await partly.query(slow, [user], {})
    expect(rows.length).toBeGreaterThan(0)
    expect(partly.missing.map((its) => its.shard)).toEqual([shard])
    await until('nothing of it runs any more', async () => {
      const { rows: active } = await bed.places
        .admin(shard)
        .query(
          `select from pg_stat_activity where query like '%pg_sleep(10)%' and state = 'active' and pid <> pg_backend_pid()`,
        )
      return active.length === 0
    })
  })

  test('counts every row once while buckets go to the other shard and back, and people write', async () => {
    const resharder = createResharder({ places: bed.places })
    const buckets = [...bed.map.owners].filter(([, { shard }]) => shard === 0).map(([bucket]) => bucket)
    const moving = new Set(buckets.slice(0, 5))
    const user = Array.from({ length: 60 }, (_, n) => n).find((n) => moving.has(placeOf(bed.map, n).bucket))!
    const writer = bed.client() as ShardedDatabase<Tables, number>
    const over = new AbortController()
    let [asked, begun, written] = [0, 0, 0]
    async function write(): Promise<void> {
      while (!over.signal.aborted) {
        const id = 1_000 + begun++
        await writer
          .shard(user)
          .query(`insert into "order" values ($1, $2, 0, 0, 0, 'open', 'DE', now(), true, 'small')`, [user, id])
        written++
      }
    }
    async function ask(its: ShardedDatabase<Tables, number>): Promise<void> {
      while (!over.signal.aborted) {
        const before = written
        const [row] = await its
          .all()
          .db.selectFrom('order')
          .select(({ fn }) => [fn.countAll().as('n'), fn.sum('cents').as('cents')])
          .execute()
        expect(row!.cents).toBe(cents)
        expect(Number(row!.n)).toBeGreaterThanOrEqual(400 + before)
        expect(Number(row!.n)).toBeLessThanOrEqual(400 + begun)
        asked++
      }
    }
    const [whole] = await oracle
      .selectFrom('order')
      .select(({ fn }) => fn.sum('cents').as('cents'))
      .execute()
    const cents = whole!.cents
    // One of them knows the map only from before.
    const traffic = Promise.all([write(), ask(client), ask(bed.client() as ShardedDatabase<Tables, number>)])
    traffic.catch(() => over.abort())
    try {
      const { id } = await resharder.add([...moving], 1)
      expect((await resharder.drive(id, over.signal)).state).toMatchObject({ step: 'moved' })
      await resharder.ask(id, 'back')
      expect((await resharder.drive(id, over.signal)).state).toMatchObject({ step: 'moved' })
      await resharder.ask(id, 'finish')
      await resharder.drive(id, over.signal)
    } finally {
      over.abort()
      await traffic
    }
    expect(asked).toBeGreaterThan(20)
  })
})
