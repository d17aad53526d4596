import { afterAll, beforeAll, expect, test } from 'vitest'
import { uniqueId } from '../../../src/core/random.ts'
import { createResharder } from '../../../src/shards/reshard/resharder.ts'
import { placeOf } from '../../../src/shards/shard-map.ts'
import { until } from '../clusters/test-bed.ts'
import type { TwoShards } from './two-shards.ts'
import { createTwoShards } from './two-shards.ts'

let bed: TwoShards

beforeAll(async () => {
  bed = await createTwoShards(undefined, { count: 1, isSynchronous: true, durability: 'preferred' })
}, 120_000)

afterAll(() => bed.end())

/** Kills the primary of a shard, whose standby takes over. */
async function failOver(shard: number): Promise<void> {
  const cluster = bed.clusters[shard]!
  await until('a standby', () => cluster.nodes.some(({ role, state }) => role === 'standby' && state === 'ready'))
  const { term } = cluster
  cluster.process!.signal('SIGKILL')
  await until('another primary', () => cluster.term !== term && cluster.state.kind === 'ready')
}

test(
  'begins anew after a failover of either side, and keeps what has moved when only the way back is lost',
  { timeout: 180_000 },
  async () => {
    const { signal } = new AbortController()
    const user = [1, 2, 3, 4, 5, 6].find((each) => placeOf(bed.map, each).shard === 0)!
    const client = bed.client()
    const written: string[] = []
    const write = async (): Promise<void> => {
      const id = uniqueId()
      await client.shard(user).query('insert into "order" (user_id, id, cents) values ($1, $2, 1)', [user, id])
      written.push(id)
    }
    for (let n = 0; n < 20; n++) await write()
    const failures: Record<string, number> = { copy: 0, verify: 1, mark: 0, accept: 1 }
    const resharder = createResharder({
      places: bed.places,
      async onEffect(effect) {
        const shard = failures[effect]
        if (shard === undefined) return
        delete failures[effect]
        await failOver(shard)
      },
    })
    const { id } = await resharder.add([placeOf(bed.map, user).bucket], 1)
    const moved = await resharder.drive(id, signal)
    expect(moved.state).toMatchObject({ step: 'moved' })
    expect(moved.state.restarts).toBeGreaterThanOrEqual(3)
    expect(failures).toEqual({})
    await write()
    await failOver(1)
    await write()
    await resharder.ask(id, 'back')
    const { state } = await resharder.drive(id, signal)
    expect(state).toMatchObject({ step: 'moved', turn: 0 })
    await expect(resharder.ask(id, 'back')).rejects.toMatchObject({ code: 'TF_MOVE_REFUSED' })
    await write()
    await resharder.ask(id, 'finish')
    expect((await resharder.drive(id, signal)).state.step).toBe('done')
    const { rows } = await client.shard(user).query<{ id: string }>('select id from "order" where user_id = $1', [user])
    expect(rows.map((row) => row.id).toSorted()).toEqual(written.toSorted())
    for (const shard of [0, 1]) {
      const left = await bed.places
        .admin(shard)
        .query(`select slot_name from pg_replication_slots where slot_type = 'logical' and not temporary`)
      expect(left.rows).toEqual([])
    }
  },
)
