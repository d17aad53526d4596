import { TenfoldError } from '../../core/errors.ts'
import type { ShardMap } from '../shard-map.ts'
import type { Aggregate, MergePlan } from './merge-answers.ts'
import { ownedRows } from './owned-rows.ts'
import type { Comparison } from './sort-key.ts'

/** How the answers of the shards to a text become one. Nothing of it is taken from the text, which says the same. */
export interface Merge {
  /**
   * The order of the text, by columns that it selects: numbers as numbers, text by its bytes, which is `collate "C"`. Select
   * a time as `extract(epoch from at)`. @default no order
   */
  readonly orderBy?: readonly {
    readonly column: string
    readonly as: Comparison
    /** @default 'asc' */
    readonly direction?: 'asc' | 'desc'
    /** @default as PostgreSQL does: last if ascending */
    readonly nulls?: 'first' | 'last'
  }[]
  /** The limit of the text. @default all that come */
  readonly limit?: number
  /** The columns that the text groups by, all of them selected. @default rows stay rows, unless something is combined */
  readonly groupBy?: readonly string[]
  /** Columns that are aggregates; `'sum'` is for counts, too. @default none */
  readonly combine?: Readonly<Record<string, 'sum' | 'min' | 'max'>>
}

/** Where a text says that rows of other shards are left out: `$here(alias)`. */
const HERE = /\$here\(\s*(?:"([^"]+)"|([a-z_][\w$]*))\s*\)/gi

/**
 * The text for the shards; its last parameter, one more than were given, is their buckets.
 *
 * @throws TF_SHARD_UNMERGEABLE it does not say where rows of other shards are left out
 */
export function shardText(text: string, valueCount: number, map: Pick<ShardMap, 'partitioning' | 'column'>): string {
  let count = 0
  const replaced = text.replace(HERE, (_, quoted: string | undefined, plain: string | undefined) => {
    count++
    return ownedRows(map, quoted ?? (plain as string).toLowerCase()).join(`$${valueCount + 1}`)
  })
  if (count > 0) return replaced
  throw new TenfoldError(
    'TF_SHARD_UNMERGEABLE',
    'expected a text for all shards to have $here(table) among its conditions, which leaves out rows that are moving',
    { hint: 'add it for each sharded table: select … from "order" o where $here(o) and …' },
  )
}

/** Pure. */
export function mergePlan({ orderBy = [], limit, groupBy, combine = {} }: Merge): MergePlan {
  const combined = Object.entries(combine).map(([column, merge]): Aggregate =>
    merge === 'sum' ? { merge, column } : { merge, column, key: column, comparison: 'number' },
  )
  return {
    groupBy: groupBy ?? (combined.length > 0 ? [] : undefined),
    aggregates: combined,
    orderBy: orderBy.map(({ column, as: comparison, direction = 'asc', nulls }) => ({
      column,
      comparison,
      isDescending: direction === 'desc',
      isNullFirst: nulls === undefined ? direction === 'desc' : nulls === 'first',
    })),
    offset: 0,
    limit,
  }
}
