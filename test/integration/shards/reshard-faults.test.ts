import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { uniqueId } from '../../../src/core/random.ts'
import type { MoveStep } from '../../../src/shards/reshard/move.ts'
import type { Move } from '../../../src/shards/reshard/move-store.ts'
import type { Resharder } from '../../../src/shards/reshard/resharder.ts'
import { createResharder } from '../../../src/shards/reshard/resharder.ts'
import type { ShardMap } from '../../../src/shards/shard-map.ts'
import { placeOf } from '../../../src/shards/shard-map.ts'
import { until } from '../clusters/test-bed.ts'
import type { TwoShards } from './two-shards.ts'
import { createTwoShards } from './two-shards.ts'

const INSERT = 'insert into "order" (user_id, id, cents) values ($1, $2, $3)'
/** Before which whoever drives a move can die, until the other shard has the buckets. */
const EFFECTS = [
  'hold',
  'drop',
  'clear',
  'publish',
  'subscribe',
  'prepared',
  'copy',
  'copied',
  'verify',
  'verified',
].concat(['publish-back', 'claim', 'expect', 'release', 'mark', 'accept'])

let bed: TwoShards
let map: ShardMap
let user: number
const { signal } = new AbortController()

beforeAll(async () => {
  bed = await createTwoShards()
})

afterAll(() => bed.end())

beforeEach(async () => {
  // What a test that failed has left.
  for (const { id, state } of await resharder().list('open')) await end(id, state.step === 'moved' ? 'finish' : 'abort')
  map = await resharder().map()
  user = Array.from({ length: 100 }, (_, n) => n + 1).find((each) => placeOf(map, each).shard === 0)!
  await bed.shards[0].query(INSERT, [user, uniqueId(), 1])
})

/** @param at is called before each effect */
function resharder(at?: (effect: string) => Promise<void> | void): Resharder {
  return createResharder({ places: bed.places, ...(at === undefined ? {} : { onEffect: async (name) => at(name) }) })
}

/** Of the bucket of the user, to the other shard. */
async function add(): Promise<number> {
  return (await resharder().add([placeOf(map, user).bucket], 1)).id
}

async function end(id: number, wish: 'abort' | 'finish'): Promise<Move> {
  await resharder().ask(id, wish)
  return resharder().drive(id, signal)
}

/** Back where it was, so that the next test begins as this one. */
async function takeBack(id: number): Promise<void> {
  await resharder().ask(id, 'back')
  await resharder().drive(id, signal)
  await end(id, 'finish')
}

/** Dies before an effect, as if it had been killed there. */
async function driveUntil(id: number, effect: string): Promise<void> {
  const reached = Promise.withResolvers<void>()
  const dying = resharder((name) => {
    if (name !== effect) return
    reached.resolve()
    return new Promise(() => {})
  })
  await Promise.race([reached.promise, dying.drive(id, signal)])
}

/** What there is beside rows and maps. */
async function traces(): Promise<readonly unknown[]> {
  const found = await Promise.all(
    [0, 1].map((shard) =>
      bed.places.admin(shard).query(
        `select slot_name::text from pg_replication_slots where slot_type = 'logical'
         union all select subname from pg_subscription union all select pubname from pg_publication
         union all select 'moving' from tenfold_shards.moving union all select state from tenfold_shards.owned where state = 'incoming'`,
      ),
    ),
  )
  return found.flatMap(({ rows }) => rows)
}

async function countOn(shard: number): Promise<number> {
  const { rows } = await bed.shards[shard]!.query('select from "order" where user_id = $1', [user])
  return rows.length
}

describe('a move that is aborted', () => {
  test('leaves nothing behind, in whatever step', async () => {
    const client = bed.client()
    for (const effect of EFFECTS) {
      const id = await add()
      await driveUntil(id, effect)
      expect((await end(id, 'abort')).state, effect).toMatchObject({ step: 'aborted' })
      expect(await traces(), effect).toEqual([])
      expect(await countOn(1), effect).toBe(0)
      await client.shard(user).query(INSERT, [user, uniqueId(), 1])
    }
    expect(await countOn(0)).toBe(EFFECTS.length + 1)
  })

  test('too late has moved', async () => {
    const id = await add()
    await driveUntil(id, 'accepted')
    expect((await end(id, 'abort')).state.step).toBe('moved')
    await takeBack(id)
    expect(await traces()).toEqual([])
  })
})

describe('a move', () => {
  test('gives the buckets back to whoever does not end his transaction, and comes again', async () => {
    const client = bed.client()
    const id = await add()
    const held = Promise.withResolvers<void>()
    let long: Promise<void> | undefined
    const driving = resharder(async (effect) => {
      if (effect !== 'claim' || long !== undefined) return
      const hasWritten = Promise.withResolvers<void>()
      long = client.shard(user).transaction(async (tx) => {
        await tx.query(INSERT, [user, uniqueId(), 7])
        hasWritten.resolve()
        await held.promise
      })
      await hasWritten.promise
    }).drive(id, signal)
    await until('an attempt that was given up', async () => {
      const [move] = await resharder().list('open')
      return move?.state.problem?.message.startsWith('expected everybody who has written to end, but process ') === true
    })
    // Others write meanwhile.
    await client.shard(user).query(INSERT, [user, uniqueId(), 8])
    held.resolve()
    await long
    expect((await driving).state.step).toBe('moved')
    const { rows } = await client
      .shard(user)
      .query('select from "order" where user_id = $1 and cents in (7, 8)', [user])
    expect(rows).toHaveLength(2)
    await takeBack(id)
  })

  test('is not done by one who was only taken for dead', async () => {
    const client = bed.client()
    const id = await add()
    const [late, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const zombie = resharder(async (effect) => {
      if (effect !== 'accept') return
      late.resolve()
      await goOn.promise
    }).drive(id, signal)
    await late.promise
    // Who comes after him gives the buckets back, and then tries again; somebody writes in between.
    await driveUntil(id, 'claim')
    await client.shard(user).query(INSERT, [user, uniqueId(), 9])
    goOn.resolve()
    await expect(zombie).rejects.toMatchObject({ code: 'TF_MOVE_TAKEN' })
    expect(placeOf(await resharder().map(), user).shard).toBe(0)
    await client.shard(user).query(INSERT, [user, uniqueId(), 10])
    expect((await resharder().drive(id, signal)).state.step).toBe('moved')
    const { rows } = await client
      .shard(user)
      .query('select from "order" where user_id = $1 and cents in (9, 10)', [user])
    expect(rows).toHaveLength(2)
    await takeBack(id)
  })

  test('has one owner at most, also when one who was taken for dead goes on in the middle of his successor', async () => {
    const id = await add()
    const [gates, reached] = [
      new Map<string, PromiseWithResolvers<void>>(),
      new Map<string, PromiseWithResolvers<void>>(),
    ]
    const stoppingAt = (where: string): Promise<unknown> => {
      gates.set(where, Promise.withResolvers())
      reached.set(where, Promise.withResolvers())
      return resharder(async (effect) => {
        if (effect !== where) return
        reached.get(where)!.resolve()
        await gates.get(where)!.promise
      })
        .drive(id, signal)
        .catch((error: unknown) => error)
    }
    const zombie = stoppingAt('release')
    await reached.get('release')!.promise
    const successor = stoppingAt('accept')
    await reached.get('accept')!.promise
    gates.get('release')!.resolve()
    await zombie
    gates.get('accept')!.resolve()
    await successor
    const owners = await Promise.all(
      bed.shards.map((shard) =>
        shard.query(`select from tenfold_shards.owned where bucket = $1 and state = 'owned'`, [
          placeOf(map, user).bucket,
        ]),
      ),
    )
    expect(owners.flatMap(({ rows }) => rows).length).toBeLessThanOrEqual(1)
    expect((await resharder().drive(id, signal)).state.step).toBe('moved')
    await takeBack(id)
  })

  test('stands still when it is asked to, until it is asked to go on', async () => {
    const id = await add()
    const paused = await resharder(async (effect) => {
      if (effect === 'copy') await resharder().ask(id, 'pause')
    }).drive(id, signal)
    expect(paused.state).toMatchObject({ step: 'copying', isPaused: true })
    await bed.client().shard(user).query(INSERT, [user, uniqueId(), 1])
    expect((await resharder().drive(id, signal)).state).toMatchObject({ step: 'copying', isPaused: true })
    await resharder().ask(id, 'continue')
    expect((await resharder().drive(id, signal)).state.step).toBe('moved')
    await takeBack(id)
  })

  test('ends at a difference, and names the row', async () => {
    const id = await add()
    const spoil = resharder(async (effect) => {
      if (effect !== 'verify') return
      await bed.places.admin(1).transaction(async (tx) => {
        await tx.query(`set local session_replication_role = 'replica'`)
        await tx.query(
          'update "order" set cents = 99 where ctid = (select ctid from "order" where user_id = $1 limit 1)',
          [user],
        )
      })
    })
    const { state } = await spoil.drive(id, signal)
    expect(state.problem).toMatchObject({ code: 'TF_MOVE_DIFFERS', isFinal: true })
    expect(state.problem!.message).toMatch(new RegExp(`order.*= \\(${user}, [0-9a-f-]{36}\\)`))
    expect(placeOf(await resharder().map(), user).shard).toBe(0)
    await end(id, 'abort')
    expect(await traces()).toEqual([])
  })

  test('lets nobody change tables, truncate them, or bring rows of other keys', async () => {
    const id = await add()
    const other = Array.from({ length: 100 }, (_, n) => n + 1).find(
      (each) => placeOf(map, each).shard === 0 && placeOf(map, each).bucket !== placeOf(map, user).bucket,
    )!
    await bed.shards[0].query(INSERT, [other, uniqueId(), 1])
    await driveUntil(id, 'verify')
    const refused = { code: 'TF002' }
    for (const shard of bed.shards) {
      for (const statement of [
        'alter table "order" add column x int',
        'create table other (user_id int)',
        'drop table "order"',
        'truncate "order"',
      ]) {
        await expect(shard.query(statement), statement).rejects.toMatchObject(refused)
      }
      await shard.query('create temporary table mine (user_id int)')
    }
    await expect(
      bed.shards[0].query('update "order" set user_id = $1 where user_id = $2', [user, other]),
    ).rejects.toMatchObject(refused)
    await expect(resharder().add([placeOf(map, user).bucket], 1)).rejects.toMatchObject({ code: 'TF_MOVE_REFUSED' })
    await end(id, 'abort')
    await bed.shards[0].query('update "order" set user_id = $1 where user_id = $2', [user, other])
    await bed.shards[0].query('create table other (user_id int)')
    await bed.shards[0].query('drop table other')
  })

  test('does not begin with tables that are not the same, and says which', async () => {
    await bed.shards[0].query('create unlogged table "cart" (user_id bigint primary key)')
    await bed.shards[0].query(
      'create trigger tenfold_guard after insert on "cart" for each row execute function tenfold_shards.guard()',
    )
    const id = await add()
    const { state } = await resharder().drive(id, signal)
    expect(state).toMatchObject({
      step: 'planned' satisfies MoveStep,
      problem: { code: 'TF_MOVE_IMPOSSIBLE', isFinal: true },
    })
    expect(state.problem!.message).toMatch(/public\.cart: it is unlogged.*public\.cart: it is not on the target/)
    await bed.shards[0].query('drop table "cart"')
    await resharder().ask(id, 'continue')
    expect((await resharder().drive(id, signal)).state.step).toBe('moved')
    await takeBack(id)
  })

  test('goes on when a server is killed', async () => {
    const client = bed.client()
    const id = await add()
    const kills: Record<string, number> = { copy: 0, verify: 1, mark: 0, accept: 1 }
    const { state } = await resharder(async (effect) => {
      const shard = kills[effect]
      if (shard === undefined) return
      delete kills[effect]
      bed.clusters[shard]!.process!.signal('SIGKILL')
    }).drive(id, signal)
    expect(state.step).toBe('moved')
    expect(kills).toEqual({})
    await client.shard(user).query(INSERT, [user, uniqueId(), 11])
    expect(await countOn(1)).toBeGreaterThan(1)
    await takeBack(id)
    expect(await traces()).toEqual([])
  })
})
