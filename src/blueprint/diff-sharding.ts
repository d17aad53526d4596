import { isDeepStrictEqual } from 'node:util'
import type { BlueprintChange } from './diff.ts'
import type { ResolvedDatabase, ResolvedSharding } from './resolved-blueprint.ts'

/**
 * What becomes of a database whose shards are described in another way. Rows never move by an edit alone: new shards start
 * empty, and everything else is refused.
 */
export function shardingChanges(
  path: string,
  { sharding: before, name }: Pick<ResolvedDatabase, 'sharding' | 'name'>,
  { sharding: after }: Pick<ResolvedDatabase, 'sharding'>,
): readonly BlueprintChange[] {
  const change = { path: `${path}.shards`, kind: 'changed' } as const
  if (before === undefined || after === undefined) {
    if (before === after) return []
    return [
      {
        ...change,
        effect: 'refused',
        meaning: `its rows would stay where they are: add a database with another name${
          after === undefined ? '' : ' and shards'
        }, and copy them`,
      },
    ]
  }
  const changes: BlueprintChange[] = []
  if (before.key !== after.key) {
    changes.push({
      ...change,
      path: `${path}.key`,
      effect: 'refused',
      meaning: `${before.key} → ${after.key}: every row would have to move; add a database with the other key, and copy them`,
    })
  }
  if (!isDeepStrictEqual(before.reference, after.reference)) {
    changes.push({ ...change, path: `${path}.reference`, effect: 'live', meaning: 'its tables are looked at again' })
  }
  if (isDeepStrictEqual(before.strategy, after.strategy)) return changes
  return [...changes, { ...change, ...strategyChange(name, before, after) }]
}

function strategyChange(
  database: string,
  { strategy: before, count: from }: ResolvedSharding,
  { strategy: after, count: to }: ResolvedSharding,
): Pick<BlueprintChange, 'effect' | 'meaning' | 'command'> {
  if (before.by !== after.by) {
    return { effect: 'refused', meaning: `${before.by} → ${after.by}: buckets are fixed for ever; ${ANOTHER}` }
  }
  const bucketsOf = (strategy: ResolvedSharding['strategy']): number =>
    strategy.by === 'hash' ? (strategy.buckets ?? 1024) : 0
  if (bucketsOf(before) !== bucketsOf(after)) {
    return { effect: 'refused', meaning: `buckets are fixed for ever; ${ANOTHER}` }
  }
  if (after.by === 'range' || after.by === 'list') {
    const what = after.by === 'range' ? 'bounds' : 'lists'
    return { effect: 'refused', meaning: `an edit of ${what} moves no rows; ${ANOTHER}` }
  }
  if (to > from) {
    return {
      effect: 'live',
      meaning: `${from} → ${to} shards: the new ones start empty, and get rows when they are told to`,
      command: `npx tenfold shards split ${database}`,
    }
  }
  if (to === from) return { effect: 'live', meaning: 'written in another way' }
  return {
    effect: 'refused',
    meaning: `${from} → ${to} shards: the rows of the last ones have to move first, then "down" and "up"`,
    command: `npx tenfold shards drain ${database} ${from - 1}`,
  }
}

const ANOTHER = 'add a database that is sharded so, and copy the rows'
