import { sleep, systemClock } from '../../src/core/clock.ts'
import { messageOf } from '../../src/core/errors.ts'
import { seededRandom, uniqueId } from '../../src/core/random.ts'
import type { ShardMap } from '../../src/shards/shard-map.ts'
import { placeOf } from '../../src/shards/shard-map.ts'
import type { TwoShards } from '../../test/integration/shards/two-shards.ts'

/** Users who order while buckets move, and what they were told. */
export interface DinnerRush {
  /** So many orders were acknowledged. */
  readonly acknowledged: number
  /** Of users in these buckets. */
  acknowledgedOf(buckets: ReadonlySet<number>): number
  /** How long writes took since `sinceMs`, of users in other buckets than these. */
  otherLatenciesMs(buckets: ReadonlySet<number>, sinceMs: number): readonly number[]
  /** The longest time since `sinceMs` in which no write of users in these buckets was acknowledged. */
  longestGapMs(buckets: ReadonlySet<number>, sinceMs: number): number
  /** Reads that did not find what somebody had been told was written. */
  readonly staleReads: number
  /** What users were told instead of an answer. */
  readonly failures: readonly string[]
  /** Waits for what is under way. */
  end(): Promise<void>
  /** What is there, against what was acknowledged. */
  audit(map: ShardMap): Promise<{ readonly lost: number; readonly duplicated: number }>
}

interface Write {
  readonly endMs: number
  readonly latencyMs: number
  readonly bucket: number
}

const USERS = 256
/** Those who write, one order after the other; every other one is of a bucket that moves. */
const WRITERS = 12
const CLIENTS = 3

/** Begins at once. Clients hold maps of their own, and one of them does not look for a newer one before it has to. */
export function startDinnerRush(bed: TwoShards, moving: ReadonlySet<number>): DinnerRush {
  const random = seededRandom(3)
  const clients = Array.from({ length: CLIENTS }, () => bed.client())
  const users = Array.from({ length: USERS }, (_, n) => n + 1)
  const bucketOf = new Map(users.map((user) => [user, placeOf(bed.map, user).bucket]))
  const groups = [
    users.filter((user) => moving.has(bucketOf.get(user)!)),
    users.filter((user) => !moving.has(bucketOf.get(user)!)),
  ]
  const written = new Map<string, number>()
  const writes: Write[] = []
  const over = new AbortController()
  const failures: string[] = []
  let staleReads = 0

  async function order(group: readonly number[]): Promise<void> {
    while (!over.signal.aborted) {
      const user = random.pick(group)
      try {
        await orderOnce(user)
      } catch (error) {
        failures.push(messageOf(error))
        await sleep(systemClock, 20)
      }
    }
  }

  async function orderOnce(user: number): Promise<void> {
    const id = uniqueId()
    const startMs = systemClock.nowMs()
    await random
      .pick(clients)
      .shard(user)
      .query('insert into "order" (user_id, id, cents) values ($1, $2, 1)', [user, id])
    const endMs = systemClock.nowMs()
    writes.push({ endMs, latencyMs: endMs - startMs, bucket: bucketOf.get(user)! })
    written.set(id, user)
    const { rows } = await random
      .pick(clients)
      .shard(user)
      .query('select 1 from "order" where user_id = $1 and id = $2', [user, id])
    if (rows.length !== 1) staleReads++
  }

  const working = Promise.all(Array.from({ length: WRITERS }, (_, n) => order(groups[n % 2]!)))

  return {
    get acknowledged() {
      return written.size
    },
    failures,
    get staleReads() {
      return staleReads
    },
    acknowledgedOf: (buckets) => writes.filter(({ bucket }) => buckets.has(bucket)).length,
    otherLatenciesMs: (buckets, sinceMs) =>
      writes.filter(({ endMs, bucket }) => endMs >= sinceMs && !buckets.has(bucket)).map(({ latencyMs }) => latencyMs),
    longestGapMs(buckets, sinceMs) {
      let [lastMs, longestMs] = [sinceMs, 0]
      for (const { endMs, bucket } of writes) {
        if (endMs < sinceMs || !buckets.has(bucket)) continue
        longestMs = Math.max(longestMs, endMs - lastMs)
        lastMs = endMs
      }
      return longestMs
    },
    async end() {
      over.abort()
      await working
    },
    async audit(map) {
      const times = new Map<string, number>()
      for (const [shard, database] of bed.shards.entries()) {
        const { rows } = await database.query<{ id: string; user_id: string }>('select id, user_id::text from "order"')
        for (const { id, user_id } of rows) {
          if (placeOf(map, user_id).shard === shard) times.set(id, (times.get(id) ?? 0) + 1)
        }
      }
      return {
        lost: [...written.keys()].filter((id) => !times.has(id)).length,
        duplicated: [...times.values()].filter((count) => count > 1).length,
      }
    },
  }
}
