import type { Sharding } from '../blueprint/database.ts'
import { canonicalKey } from './key-type.ts'
import { initialMap } from './initial-map.ts'
import type { ShardMap } from './shard-map.ts'

/** What is asked for and is not so. */
export interface ShardingDifference {
  readonly expected: string
  readonly got: string
  readonly hint: string
}

/**
 * What of a sharding does not hold for data that is there. What has become of buckets since the first map is no
 * difference: moves are not in the blueprint. Pure.
 */
export function differenceOf(
  { column, partitioning, owners }: ShardMap,
  asked: { readonly column: string; readonly strategy: Sharding; readonly count: number },
): ShardingDifference | undefined {
  const { strategy, count } = asked
  const fixed = 'write it as it was, or add a database with another name and copy the rows'
  if (column !== asked.column) {
    return { expected: `the shard key ${column}, as the data has it`, got: asked.column, hint: fixed }
  }
  if (partitioning.by !== strategy.by) {
    return { expected: `sharding by ${partitioning.by}, as the data has it`, got: strategy.by, hint: fixed }
  }
  const last = Math.max(...[...owners.values()].map(({ shard }) => shard))
  if (last >= count) {
    return {
      expected: `at least ${last + 1} shards, since shard ${last} has rows`,
      got: String(count),
      hint: `write ${last + 1} or more; its rows have to move before it can go`,
    }
  }
  const wanted = initialMap(strategy, { column, type: partitioning.keyType }).partitioning
  if (partitioning.by === 'hash' && wanted.by === 'hash' && partitioning.buckets !== wanted.buckets) {
    return {
      expected: `${partitioning.buckets} buckets, as the data has them`,
      got: String(wanted.buckets),
      hint: fixed,
    }
  }
  if (partitioning.by === 'range' && wanted.by === 'range') {
    const has = new Set(partitioning.bounds.map((bound) => canonicalKey(partitioning.keyType, bound)))
    const missing = wanted.bounds.find((bound) => !has.has(String(bound)))
    if (missing === undefined) return undefined
    return { expected: `bounds that the data has (${[...has].join(', ')})`, got: String(missing), hint: fixed }
  }
  if (partitioning.by === 'list' && wanted.by === 'list') {
    const missing = [...wanted.buckets.keys()].find((listed) => !partitioning.buckets.has(listed))
    if (missing === undefined) return undefined
    return { expected: 'lists of keys that the data knows', got: missing, hint: fixed }
  }
  return undefined
}
