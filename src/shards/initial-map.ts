import { shardCount } from '../blueprint/clusters-of.ts'
import type { Sharding } from '../blueprint/database.ts'
import { TenfoldError } from '../core/errors.ts'
import type { KeyType } from './key-type.ts'
import { canonicalKey } from './key-type.ts'
import type { BucketOwner, Partitioning, ShardMap } from './shard-map.ts'

/** The column that rows are spread by. */
export interface ShardKey {
  readonly column: string
  readonly type: KeyType
}

/** As in the blueprint. */
const BUCKETS_DEFAULT = 1_024

/**
 * The first map of a database: buckets in runs of equal length on hash shards, by remainder on modulo shards, an interval
 * or a list on each shard otherwise. Pure.
 *
 * @throws TF_SHARD_KEY_INVALID a bound or a listed key does not fit the column
 */
export function initialMap(sharding: Sharding, { column, type: keyType }: ShardKey): ShardMap {
  const count = shardCount(sharding)
  const mapOf = (partitioning: Partitioning, owners: ReadonlyMap<number, BucketOwner>): ShardMap => ({
    epoch: 1,
    column,
    shardEpochs: Array.from({ length: count }, () => 1),
    partitioning,
    owners,
  })
  switch (sharding.by) {
    case 'hash': {
      const { buckets = BUCKETS_DEFAULT } = sharding
      const shardOf = (bucket: number): number => Math.floor((bucket * count) / buckets)
      return mapOf({ by: 'hash', keyType, buckets }, ownersOf(buckets, shardOf))
    }
    case 'modulo': {
      if (keyType !== 'integer') {
        throw new TenfoldError(
          'TF_SHARD_KEY_INVALID',
          `expected the key of modulo shards to be a whole number, got ${keyType}`,
          {
            hint: "use by: 'hash'",
          },
        )
      }
      // A multiple of the count, so that the remainder by the count is the shard, and enough of them to move in parts.
      const buckets = count * 2 ** Math.max(0, Math.floor(Math.log2(BUCKETS_DEFAULT / count)))
      return mapOf(
        { by: 'modulo', keyType, buckets },
        ownersOf(buckets, (bucket) => bucket % count),
      )
    }
    case 'range': {
      const buckets = Array.from({ length: count }, (_, index) => index)
      const bounds = sharding.bounds.map((bound) => canonicalKey(keyType, bound))
      return mapOf(
        { by: 'range', keyType, bounds, buckets },
        ownersOf(count, (bucket) => bucket),
      )
    }
    case 'list': {
      const buckets = new Map<string, number>()
      const owners: number[] = []
      let otherwise: number | undefined
      for (const [shard, [name, keys]] of Object.entries(sharding.lists).entries()) {
        for (const key of keys) {
          buckets.set(canonicalKey(keyType, key), owners.length)
          owners.push(shard)
        }
        if (name !== sharding.otherwise) continue
        otherwise = owners.length
        owners.push(shard)
      }
      const partitioning: Partitioning = { by: 'list', keyType, buckets, otherwise }
      return mapOf(
        partitioning,
        ownersOf(owners.length, (bucket) => owners[bucket] as number),
      )
    }
  }
}

function ownersOf(buckets: number, shardOf: (bucket: number) => number): ReadonlyMap<number, BucketOwner> {
  return new Map(Array.from({ length: buckets }, (_, bucket) => [bucket, { shard: shardOf(bucket), epoch: 1 }]))
}
