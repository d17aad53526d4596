import { TenfoldError } from '../core/errors.ts'
import type { BucketOwner, Partitioning, ShardMap } from './shard-map.ts'

/** A map as JSON. Runs of buckets with the same owner are one entry. */
export interface MapDocument {
  readonly layout: 1
  readonly epoch: number
  readonly column: string
  readonly shardEpochs: readonly number[]
  readonly partitioning: StoredPartitioning
  readonly owners: readonly (readonly [first: number, count: number, shard: number, epoch: number])[]
}

type StoredPartitioning =
  | Exclude<Partitioning, { by: 'list' }>
  | (Omit<Extract<Partitioning, { by: 'list' }>, 'buckets' | 'otherwise'> & {
      readonly buckets: readonly (readonly [key: string, bucket: number])[]
      readonly otherwise: number | null
    })

/** @see readMapDocument */
export function mapDocument({ epoch, column, shardEpochs, partitioning, owners }: ShardMap): MapDocument {
  const runs: [first: number, count: number, shard: number, epoch: number][] = []
  for (const [bucket, owner] of [...owners].toSorted(([a], [b]) => a - b)) {
    const last = runs.at(-1)
    const isNext =
      last !== undefined && last[0] + last[1] === bucket && last[2] === owner.shard && last[3] === owner.epoch
    if (isNext) last[1]++
    else runs.push([bucket, 1, owner.shard, owner.epoch])
  }
  return { layout: 1, epoch, column, shardEpochs, partitioning: stored(partitioning), owners: runs }
}

/** @throws TF_SHARD_MAP_INVALID another version has written it */
export function readMapDocument(document: unknown): ShardMap {
  if (!isDocument(document)) {
    throw new TenfoldError('TF_SHARD_MAP_INVALID', 'expected a shard map of layout 1, got something else', {
      hint: 'use the version of tenfold that has written it, or a later one',
    })
  }
  const owners = new Map<number, BucketOwner>()
  for (const [first, count, shard, epoch] of document.owners) {
    const owner = { shard, epoch }
    for (let bucket = first; bucket < first + count; bucket++) owners.set(bucket, owner)
  }
  const { epoch, column, shardEpochs, partitioning } = document
  return { epoch, column, shardEpochs, owners, partitioning: restored(partitioning) }
}

function stored(partitioning: Partitioning): StoredPartitioning {
  if (partitioning.by !== 'list') return partitioning
  return { ...partitioning, buckets: [...partitioning.buckets], otherwise: partitioning.otherwise ?? null }
}

function restored(partitioning: StoredPartitioning): Partitioning {
  if (partitioning.by !== 'list') return partitioning
  return { ...partitioning, buckets: new Map(partitioning.buckets), otherwise: partitioning.otherwise ?? undefined }
}

/** Only we write it; what can't be trusted is that it was this version. */
function isDocument(document: unknown): document is MapDocument {
  return typeof document === 'object' && document !== null && 'layout' in document && document.layout === 1
}
