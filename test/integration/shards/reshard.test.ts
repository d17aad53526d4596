import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Move } from '../../../src/shards/reshard/move-store.ts'
import { createResharder } from '../../../src/shards/reshard/resharder.ts'
import type { ShardMap } from '../../../src/shards/shard-map.ts'
import { placeOf } from '../../../src/shards/shard-map.ts'
import { bucketOf } from '../../../src/shards/bucket-of.ts'
import type { TwoShards } from './two-shards.ts'
import { createTwoShards } from './two-shards.ts'
import { startTraffic } from './shard-traffic.ts'

const TABLES = `
  create type size as enum ('small', 'large');
  create table "order" (
    user_id bigint, id uuid default gen_random_uuid(), number bigint generated always as identity, cents int not null,
    doubled int generated always as (cents * 2) stored, size size, note text, primary key (user_id, id));
  create table counter (user_id bigint primary key, value int not null);
  create table item (
    user_id bigint, order_id uuid, line int, primary key (user_id, order_id, line),
    foreign key (user_id, order_id) references "order" on delete cascade);
  create table event (user_id bigint, at timestamptz, id int, primary key (user_id, at, id)) partition by range (at);
  create table event_old partition of event for values from (minvalue) to ('2026-01-01');
  create table event_new partition of event for values from ('2026-01-01') to (maxvalue)`

let bed: TwoShards
let signal: AbortSignal

beforeAll(async () => {
  bed = await createTwoShards(TABLES)
  signal = new AbortController().signal
  const [first, second] = bed.shards
  for (const [number, shard] of [first, second].entries()) {
    const users = usersOn(bed.map, number, 40)
    await shard.query(
      `with made as (
         insert into "order" (user_id, cents, size, note)
         select u, n, case when n % 2 = 0 then 'large'::size end,
           case n % 5 when 0 then null when 1 then repeat(md5(u::text || n), 2000) else 'short' end
         from unnest($1::bigint[]) u, generate_series(1, 30) n returning user_id, id)
       insert into item select user_id, id, l from made, generate_series(1, 2) l`,
      [users],
    )
    await shard.query(
      `insert into event select u, '2025-12-01'::timestamptz + n * interval '10 days', n from unnest($1::bigint[]) u, generate_series(1, 6) n`,
      [users],
    )
    await shard.query('insert into counter select u, 0 from unnest($1::bigint[]) u', [users])
  }
})

afterAll(() => bed.end())

function usersOn(map: ShardMap, shard: number, count: number): readonly number[] {
  return Array.from({ length: count * 10 }, (_, n) => n + 1)
    .filter((user) => placeOf(map, user).shard === shard)
    .slice(0, count)
}

/** Some of the buckets of a shard. */
function bucketsOf(map: ShardMap, shard: number, count: number): readonly number[] {
  return [...map.owners]
    .filter(([, owner]) => owner.shard === shard)
    .map(([bucket]) => bucket)
    .slice(0, count)
}

async function rowsIn(shard: number, buckets: readonly number[]): Promise<number> {
  let count = 0
  for (const table of ['"order"', 'item', 'event', 'counter']) {
    const { rows } = await bed.places.admin(shard).query<{ user_id: string }>(`select user_id::text from ${table}`)
    count += rows.filter(({ user_id }) => buckets.includes(bucketOf(bed.map.partitioning, user_id))).length
  }
  return count
}

async function leftovers(): Promise<readonly unknown[]> {
  const found: unknown[] = []
  for (const shard of [0, 1]) {
    const { rows } = await bed.places.admin(shard).query(
      `select slot_name::text as name from pg_replication_slots where slot_type = 'logical'
       union all select subname from pg_subscription union all select pubname from pg_publication
       union all select roname from pg_replication_origin
       union all select 'moving ' || move from tenfold_shards.moving union all select 'mark ' || move from tenfold_shards.mark`,
    )
    found.push(...rows)
  }
  return found
}

describe('a move', () => {
  test('brings everything to the other shard and back while everybody works with it', async () => {
    const resharder = createResharder({ places: bed.places })
    const buckets = bucketsOf(bed.map, 0, 4)
    const traffic = startTraffic(bed, usersOn(bed.map, 0, 20))
    const { id } = await resharder.add(buckets, 1)
    const moved = await resharder.drive(id, signal)
    expect(moved.state.problem).toBeUndefined()
    expect(moved.state).toMatchObject({ step: 'moved' })
    await traffic.goOn(200)
    await resharder.ask(id, 'back')
    expect((await resharder.drive(id, signal)).state).toMatchObject({ step: 'moved', turn: 1 })
    await traffic.goOn(200)
    await resharder.ask(id, 'back')
    expect((await resharder.drive(id, signal)).state).toMatchObject({ step: 'moved', turn: 2 })
    await traffic.goOn(200)
    await resharder.ask(id, 'finish')
    expect((await resharder.drive(id, signal)).state).toMatchObject({ step: 'done' })
    await traffic.end()
    expect(await rowsIn(0, buckets)).toBe(0)
    const again = 'select user_id, number from "order" group by 1, 2 having count(*) > 1'
    expect((await bed.shards[1].query(again)).rows, 'numbers that the sequence gave again').toEqual([])
    expect(await leftovers()).toEqual([])
  })

  test('goes on from wherever whoever drove it was killed', async () => {
    const map = await createResharder({ places: bed.places }).map()
    const buckets = bucketsOf(map, 0, 2)
    const traffic = startTraffic(bed, usersOn(map, 0, 20))
    const died = new Set<string>()
    const { id } = await createResharder({ places: bed.places }).add(buckets, 1)
    const wishes = ['back', 'finish'] as const
    for (const wish of [undefined, ...wishes]) {
      if (wish !== undefined) await createResharder({ places: bed.places }).ask(id, wish)
      let rested: Move | undefined
      while (rested === undefined) rested = await driveUntilKilled(id, died)
      expect(rested.state.problem).toBeUndefined()
    }
    await traffic.end()
    expect((await createResharder({ places: bed.places }).list('all')).at(-1)!.state.step).toBe('done')
    expect(await rowsIn(1, buckets)).toBe(0)
    expect(await leftovers()).toEqual([])
  })
})

/** Stops for ever before each effect that nobody has died before; undefined when that happened. */
async function driveUntilKilled(id: number, died: Set<string>): Promise<Move | undefined> {
  const killed = Promise.withResolvers<undefined>()
  const resharder = createResharder({
    places: bed.places,
    onEffect(name) {
      if (died.has(name)) return Promise.resolve()
      died.add(name)
      killed.resolve(undefined)
      return new Promise(() => {})
    },
  })
  return Promise.race([resharder.drive(id, signal), killed.promise])
}
