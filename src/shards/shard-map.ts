import { bucketOf } from './bucket-of.ts'
import type { KeyType, KeyValue } from './key-type.ts'

/**
 * How keys are put into buckets, fixed when the database is made but for what `range` and `list` add when a bucket is
 * split. The bucket of a key never depends on which shard has it.
 */
export type Partitioning =
  /** By a hash of the key; `buckets` is a power of two. */
  | { readonly by: 'hash'; readonly keyType: KeyType; readonly buckets: number }
  /** By the remainder of a whole number. */
  | { readonly by: 'modulo'; readonly keyType: 'integer'; readonly buckets: number }
  /** By order: `bounds[n]` is the first key of interval n + 1; `buckets[n]` is the bucket of interval n. */
  | {
      readonly by: 'range'
      readonly keyType: KeyType
      readonly bounds: readonly KeyValue[]
      readonly buckets: readonly number[]
    }
  /** By enumeration: each key that stands somewhere has a bucket of its own, all others one together, if there is one. */
  | {
      readonly by: 'list'
      readonly keyType: KeyType
      readonly buckets: ReadonlyMap<string, number>
      readonly otherwise: number | undefined
    }

/**
 * Which shard has which bucket. Clients hold it as a hint: whether a shard has a bucket under an epoch is checked where the
 * data is, so one that is old costs a round trip and never a wrong answer.
 */
export interface ShardMap {
  /** Grows with every change of the map. */
  readonly epoch: number
  /** The column that every sharded table has its key in. */
  readonly column: string
  /** By shard: the epoch in which it last got or lost a bucket. */
  readonly shardEpochs: readonly number[]
  readonly partitioning: Partitioning
  /** By bucket. */
  readonly owners: ReadonlyMap<number, BucketOwner>
}

/** Who has a bucket. */
export interface BucketOwner {
  /** Index of the shard; shards keep theirs for ever. */
  readonly shard: number
  /** Of the map when the shard got the bucket. */
  readonly epoch: number
}

/** Where a key is, by a map. */
export interface KeyPlace extends BucketOwner {
  readonly bucket: number
}

/** @throws TF_SHARD_KEY_INVALID, TF_SHARD_KEY_UNPLACED */
export function placeOf({ partitioning, owners }: ShardMap, key: unknown): KeyPlace {
  const bucket = bucketOf(partitioning, key)
  const owner = owners.get(bucket)
  if (owner === undefined) throw new Error(`the map has no owner for bucket ${bucket}`)
  return { bucket, shard: owner.shard, epoch: owner.epoch }
}
