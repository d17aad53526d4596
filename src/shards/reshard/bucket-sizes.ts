import { quoteIdentifier } from '../../sql/quote-identifier.ts'
import { bucketExpression } from '../bucket-expression.ts'
import type { ShardDatabase } from '../shard-layout.ts'
import type { ShardMap } from '../shard-map.ts'
import { readMovedTables } from './moved-tables.ts'

/** How much a bucket has, estimated. */
export interface BucketSize {
  readonly rows: number
  readonly bytes: number
}

/** Blocks of each table that are looked at, spread over all of it. */
const SAMPLE_BLOCKS = 500

/** Estimates what the buckets of a shard have, from a sample of each table and its size. */
export async function readBucketSizes(
  database: ShardDatabase,
  map: ShardMap,
): Promise<ReadonlyMap<number, BucketSize>> {
  const sizes = new Map<number, BucketSize>()
  const bucket = bucketExpression(map.partitioning, quoteIdentifier(map.column))
  for (const { name, blocks, bytes } of await readMovedTables(database, map)) {
    const part = Math.min(1, SAMPLE_BLOCKS / Math.max(1, blocks))
    const { rows: found } = await database.query<{ bucket: number | null; count: number }>(
      `select (${bucket})::int as bucket, count(*)::float8 as count from ${name} tablesample system (${100 * part}) group by 1`,
    )
    const sampled = found.reduce((total, { count }) => total + count, 0)
    for (const { bucket: number, count } of found) {
      if (number === null) continue
      const before = sizes.get(number) ?? { rows: 0, bytes: 0 }
      sizes.set(number, {
        rows: before.rows + Math.round(count / part),
        bytes: before.bytes + Math.round((count / sampled) * bytes),
      })
    }
  }
  return sizes
}
