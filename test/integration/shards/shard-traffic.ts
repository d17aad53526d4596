import { expect } from 'vitest'
import { seededRandom, uniqueId } from '../../../src/core/random.ts'
import { until } from '../clusters/test-bed.ts'
import type { TwoShards } from './two-shards.ts'

/** Writers that note what was acknowledged, and readers that look for it. */
export interface Traffic {
  /** Waits until so much more has been written. */
  goOn(count: number): Promise<void>
  /** Stops, and expects everything that was acknowledged to be there once. */
  end(): Promise<void>
}

/** Users of many buckets write, change, delete and read, by clients that know old and new maps. */
export function startTraffic(bed: TwoShards, users: readonly number[]): Traffic {
  const random = seededRandom(11)
  const clients = [bed.client(), bed.client(), bed.client()]
  const written = new Map<string, number>()
  const deleted = new Set<string>()
  const counted = new Map<number, number>()
  const over = new AbortController()

  async function work(): Promise<void> {
    while (!over.signal.aborted) {
      const user = random.pick(users)
      const [client, other] = [random.pick(clients), random.pick(clients)]
      const id = uniqueId()
      const note = random.next() < 0.1 ? 'long '.repeat(2_000) : null
      await client
        .shard(user)
        .query('insert into "order" (user_id, id, cents, note) values ($1, $2, 1, $3)', [user, id, note])
      written.set(id, user)
      await other.shard(user).query('update counter set value = value + 1 where user_id = $1', [user])
      counted.set(user, (counted.get(user) ?? 0) + 1)
      const { rows } = await other
        .shard(user)
        .query<{ cents: number }>('select cents from "order" where user_id = $1 and id = $2', [user, id])
      expect(rows, 'what was acknowledged is read by everybody').toHaveLength(1)
      if (random.next() < 0.5) continue
      await other.shard(user).transaction(async (tx) => {
        await tx.query('update "order" set cents = 2 where user_id = $1 and id = $2', [user, id])
        await tx.query('insert into item values ($1, $2, 1)', [user, id])
      })
      if (random.next() < 0.7) continue
      await client.shard(user).query('delete from "order" where user_id = $1 and id = $2', [user, id])
      written.delete(id)
      deleted.add(id)
    }
  }

  const before = Promise.all(users.map(async (user) => [user, await valueOf(user)] as const))
  const workers = before.then(() => Promise.all(Array.from({ length: 4 }, work)))
  workers.catch(() => over.abort())

  async function valueOf(user: number): Promise<number> {
    const { rows } = await clients[0]!
      .shard(user)
      .query<{ value: number }>('select value from counter where user_id = $1', [user])
    return rows[0]!.value
  }

  return {
    async goOn(count) {
      const first = written.size
      await until('everybody has written', () => over.signal.aborted || written.size >= first + count)
      if (over.signal.aborted) await workers
    },
    async end() {
      over.abort()
      await workers
      const found = new Map<string, number>()
      for (const user of users) {
        const { rows } = await clients[1]!
          .shard(user)
          .query<{ id: string }>('select id from "order" where user_id = $1', [user])
        for (const { id } of rows) found.set(id, (found.get(id) ?? 0) + 1)
      }
      expect(
        [...written.keys()].filter((id) => found.get(id) !== 1),
        'lost or twice',
      ).toEqual([])
      expect(
        [...deleted].filter((id) => found.has(id)),
        'came back',
      ).toEqual([])
      for (const [user, value] of await before) {
        expect(await valueOf(user), `counter of ${user}`).toBe(value + (counted.get(user) ?? 0))
      }
    },
  }
}
