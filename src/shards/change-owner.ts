import type { TransactionOptions } from '../sql/transaction.ts'
import { SCHEMA } from './guard.ts'
import { mapDocument } from './map-document.ts'
import type { ShardDatabase } from './shard-layout.ts'
import type { ShardMap } from './shard-map.ts'

/*
 * The steps by which buckets change hands, each safe to repeat:
 *
 * 1. `expectBuckets` on the target: `incoming`, for the claim of one attempt. Rows may have been brought by replication.
 * 2. `releaseBuckets` on the source: `moved`, and everybody who was writing has ended. From here on the rows are final.
 * 3. The last rows have arrived on the target; `acceptBuckets` there: `owned`, under the new epoch, if the claim still holds.
 * 4. `publishMap` on every shard. Clients with the old map are refused by the source, and find the new one.
 *
 * Between 2 and 3 nobody owns the buckets, which costs time and nothing else. What the target says decides how it ends:
 * 3 makes `incoming` into `owned`, `withdrawBuckets` takes it away, and only one of the two finds it. After 3 the move has
 * happened; after `withdrawBuckets`, `keepBuckets` on the source undoes 2, as if nothing had been. Whoever dies in between
 * is followed by somebody who withdraws and so learns which of both it is; one who was only taken for dead finds that his
 * claim is gone. The source, too, knows for which claim it has let go: only that one is undone, and no other takes its place,
 * so while a claim can be accepted nobody else makes the source an owner again.
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
  /** Of this attempt: never used before. */
  readonly claim: string
}

/** Pure: the map after the move. */
export function mapAfter({ buckets, source, target, map }: Omit<Handover, 'claim'>): ShardMap {
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
export async function expectBuckets(target: ShardDatabase, { buckets, map, claim }: Handover): Promise<void> {
  await target.query(
    `insert into ${SCHEMA}.owned (bucket, epoch, state, claim)
     select bucket, $2, 'incoming', $3 from unnest($1::int[]) bucket
     on conflict (bucket) do update set epoch = $2, state = 'incoming', claim = $3 where owned.state <> 'owned'`,
    [buckets, map.epoch + 1, claim],
  )
}

/**
 * Takes the buckets from the source; when it resolves, nobody writes rows of them any more.
 *
 * @param timeoutMs how long to wait for those that have written to end; withdraw and keep the buckets then
 * @returns the claim of somebody else that they were taken for already, and nothing has happened; he may live
 * @throws the server's 55P03 somebody has written and goes on for too long
 */
export async function releaseBuckets(
  source: ShardDatabase,
  handover: Handover,
  timeoutMs: number,
): Promise<string | undefined> {
  const { buckets, map, claim } = handover
  const other = await source.transaction(async (tx) => {
    const { rows } = await tx.query<{ claim: string | null }>(
      `select claim from ${SCHEMA}.owned
       where bucket = any ($1) and state = 'moved' and claim is distinct from $2 limit 1 for update`,
      [buckets, claim],
    )
    if (rows[0] !== undefined) return rows[0].claim ?? 'nobody'
    await tx.query(
      `update ${SCHEMA}.owned set state = 'moved', epoch = $2, claim = $3 where bucket = any ($1) and state = 'owned'`,
      [buckets, map.epoch + 1, claim],
    )
    await tx.query(`update ${SCHEMA}.state set epoch = $1`, [map.epoch + 1])
    return undefined
  })
  if (other !== undefined) return other
  // Whoever comes later finds 'moved', and nobody ever waits for two locks of ours.
  await source.transaction((tx) => tx.query(`select ${SCHEMA}.drain($1, $2)`, [[...buckets, -1], Math.ceil(timeoutMs)]))
  return undefined
}

/**
 * Takes back what the target was told to expect, so that it can't accept it any more.
 *
 * @returns whether it has accepted the buckets before: they are there then, and stay there
 */
export async function withdrawBuckets(
  target: ShardDatabase,
  { buckets, epoch, claim }: { readonly buckets: readonly number[]; readonly epoch: number; readonly claim: string },
): Promise<boolean> {
  return target.transaction(async (tx) => {
    await tx.query(`delete from ${SCHEMA}.owned where bucket = any ($1) and state = 'incoming' and claim = $2`, [
      buckets,
      claim,
    ])
    const { rows } = await tx.query<{ count: number }>(
      `select count(*)::int as count from ${SCHEMA}.owned where bucket = any ($1) and state = 'owned' and epoch = $2`,
      [buckets, epoch],
    )
    return rows[0]?.count === buckets.length
  })
}

/** Gives the buckets back to the source, after what they were taken for has been withdrawn from the target. */
export async function keepBuckets(
  source: ShardDatabase,
  { buckets, source: shard, map, claim }: Handover,
): Promise<void> {
  await source.transaction(async (tx) => {
    const { rowCount } = await tx.query(
      `update ${SCHEMA}.owned set state = 'owned', epoch = former.epoch, claim = null
       from unnest($1::int[], $2::int[]) former (bucket, epoch)
       where owned.bucket = former.bucket and owned.epoch = $3 and owned.state = 'moved' and owned.claim = $4`,
      [buckets, buckets.map((bucket) => map.owners.get(bucket)?.epoch), map.epoch + 1, claim],
    )
    if (rowCount === 0) return
    await tx.query(`update ${SCHEMA}.state set epoch = $1 where epoch = $2`, [map.shardEpochs[shard], map.epoch + 1])
  })
}

/**
 * Makes the target the owner, and lets clients find the map that says so.
 *
 * @param check is asked in the same transaction; what it throws is thrown, and nothing has happened
 * @returns false if the claim does not hold any more; nothing has happened then
 */
export async function acceptBuckets(
  target: ShardDatabase,
  handover: Handover,
  check: (tx: Pick<ShardDatabase, 'query'>) => Promise<void> = async () => {},
): Promise<boolean> {
  const { buckets, map, claim } = handover
  try {
    await target.transaction(async (tx) => {
      const { rowCount } = await tx.query(
        `update ${SCHEMA}.owned set state = 'owned', claim = null
         where bucket = any ($1) and state = 'incoming' and epoch = $2 and claim = $3`,
        [buckets, map.epoch + 1, claim],
      )
      if (rowCount !== buckets.length) throw new ClaimGone()
      await tx.query(`update ${SCHEMA}.state set epoch = $1`, [map.epoch + 1])
      await check(tx)
      await publishMap(tx, mapAfter(handover))
    }, ONCE)
    return true
  } catch (error) {
    if (error instanceof ClaimGone) return false
    throw error
  }
}

class ClaimGone extends Error {}

/** A second run would not find what a first one has changed without being heard. */
const ONCE: TransactionOptions = { retries: 0 }

/** Lets clients find a map on a shard. */
export async function publishMap(shard: Pick<ShardDatabase, 'query'>, map: ShardMap): Promise<void> {
  await shard.query(`insert into ${SCHEMA}.map (epoch, document) values ($1, $2) on conflict (epoch) do nothing`, [
    map.epoch,
    mapDocument(map),
  ])
}
