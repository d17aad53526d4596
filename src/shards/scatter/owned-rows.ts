import { quoteIdentifier } from '../../sql/quote-identifier.ts'
import { bucketExpression } from '../bucket-expression.ts'
import type { ShardMap } from '../shard-map.ts'

/** Text of a condition around its parameter: the buckets that a shard answers for, as `ownedBuckets` writes them. */
export type ConditionText = readonly [before: string, after: string]

/**
 * A condition that leaves out the rows of buckets that are somewhere else: while buckets move, they are on two shards.
 *
 * @param table its name or alias in the query, not quoted
 */
export function ownedRows(
  { partitioning, column }: Pick<ShardMap, 'partitioning' | 'column'>,
  table: string,
): ConditionText {
  const key = `${quoteIdentifier(table)}.${quoteIdentifier(column)}`
  // As int: that is what it takes for the array to be hashed, without which each row would be compared with each bucket.
  return [`((${bucketExpression(partitioning, key)})::int = any (`, '::int[]))']
}

const remembered = new WeakMap<ShardMap, ReadonlyMap<number, string>>()

/** By shard that has any: its buckets, as an array of PostgreSQL. */
export function ownedBuckets(map: ShardMap): ReadonlyMap<number, string> {
  const known = remembered.get(map)
  if (known !== undefined) return known
  const buckets = Map.groupBy(map.owners.keys(), (bucket) => map.owners.get(bucket)?.shard as number)
  const owned = new Map([...buckets].toSorted(([a], [b]) => a - b).map(([shard, its]) => [shard, `{${its.join(',')}}`]))
  remembered.set(map, owned)
  return owned
}
