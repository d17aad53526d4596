import { LOCK_CLASS, SCHEMA } from './guard.ts'
import { mapDocument } from './map-document.ts'
import type { ShardDatabase } from './shard-layout.ts'
import type { ShardMap } from './shard-map.ts'

/*
 * The steps by which buckets change hands, each safe to repeat:
 *
 * 1. `expectBuckets` on the target: `incoming`. Rows may be brought there by replication.
 * 2. `releaseBuckets` on the source: `moved`, and everybody who was writing has ended. From here on the rows are final.
 * 3. The last rows have arrived on the target; `acceptBuckets` there: `owned`, under the new epoch.
 * 4. `publishMap` on every shard. Clients with the old map are refused by the source, and find the new one.
 *
 * Between 2 and 3 nobody owns the buckets, which costs time and nothing else: until 3 the move may be given up with
 * `keepBuckets` on the source, as if nothing had been, because nobody else has had them; after 3 never.
 */

/** Buckets that are to go to another shard. */
export interface Handover {
  readonly buckets: readonly number[]
  /** From which they go. */
  readonly source: number
  /** To which they go. */
  readonly target: number
  /** Before the move. */
  readonly map: ShardMap
}

/** Pure: the map after the move. */
export function mapAfter({ buckets, source, target, map }: Handover): ShardMap {
  const epoch = map.epoch + 1
  const owners = new Map(map.owners)
  for (const bucket of buckets) owners.set(bucket, { shard: target, epoch })
  // A shard that came after the first map is not among them before it owns something.
  const later = Math.max(0, Math.max(source, target) + 1 - map.shardEpochs.length)
  const shardEpochs = [...map.shardEpochs, ...Array.from({ length: later }, () => 0)]
  shardEpochs[source] = epoch
  shardEpochs[target] = epoch
  return { ...map, epoch, owners, shardEpochs }
}

/** Says on the target that the buckets are about to come. */
export async function expectBuckets(target: ShardDatabase, { buckets, map }: Handover): Promise<void> {
  await target.query(
    `insert into ${SCHEMA}.owned (bucket, epoch, state) select bucket, $2, 'incoming' from unnest($1::int[]) bucket
     on conflict (bucket) do update set epoch = $2, state = 'incoming' where owned.state <> 'owned'`,
    [buckets, map.epoch + 1],
  )
}

/**
 * Takes the buckets from the source; when it resolves, nobody writes rows of them any more.
 *
 * @param timeoutMs how long to wait for each that has written to end; call `keepBuckets` then, or release again
 * @throws the server's 55P03 somebody has written and goes on for too long
 */
export async function releaseBuckets(source: ShardDatabase, handover: Handover, timeoutMs: number): Promise<void> {
  const { buckets, map } = handover
  await source.transaction(async (tx) => {
    await tx.query(
      `update ${SCHEMA}.owned set state = 'moved', epoch = $2 where bucket = any ($1) and state = 'owned'`,
      [buckets, map.epoch + 1],
    )
    await tx.query(`update ${SCHEMA}.state set epoch = $1`, [map.epoch + 1])
  })
  // One at a time, and let go at once: whoever comes later finds 'moved', and nobody ever waits for two of ours.
  for (const lock of [...buckets, -1]) {
    await source.transaction(async (tx) => {
      await tx.query(`select set_config('lock_timeout', $1, true)`, [`${Math.ceil(timeoutMs)}ms`])
      await tx.query(`select pg_advisory_xact_lock(${LOCK_CLASS}, $1)`, [lock])
    })
  }
}

/** Gives the buckets back to the source, where the target has not accepted them. */
export async function keepBuckets(source: ShardDatabase, { buckets, source: shard, map }: Handover): Promise<void> {
  await source.transaction(async (tx) => {
    await tx.query(
      `update ${SCHEMA}.owned set state = 'owned', epoch = former.epoch
       from unnest($1::int[], $2::int[]) former (bucket, epoch)
       where owned.bucket = former.bucket and owned.epoch = $3 and owned.state = 'moved'`,
      [buckets, buckets.map((bucket) => map.owners.get(bucket)?.epoch), map.epoch + 1],
    )
    await tx.query(`update ${SCHEMA}.state set epoch = $1`, [map.shardEpochs[shard]])
  })
}

/** Makes the target the owner. */
export async function acceptBuckets(target: ShardDatabase, { buckets, map }: Handover): Promise<void> {
  await target.transaction(async (tx) => {
    await tx.query(
      `update ${SCHEMA}.owned set state = 'owned' where bucket = any ($1) and state = 'incoming' and epoch = $2`,
      [buckets, map.epoch + 1],
    )
    await tx.query(`update ${SCHEMA}.state set epoch = $1`, [map.epoch + 1])
  })
}

/** Lets clients find a map on a shard. */
export async function publishMap(shard: ShardDatabase, map: ShardMap): Promise<void> {
  await shard.query(`insert into ${SCHEMA}.map (epoch, document) values ($1, $2) on conflict (epoch) do nothing`, [
    map.epoch,
    mapDocument(map),
  ])
}
