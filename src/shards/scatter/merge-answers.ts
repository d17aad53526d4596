import { TenfoldError } from '../../core/errors.ts'
import { addDecimals, divideDecimal, isDecimal } from './decimal.ts'
import type { Row } from './gather.ts'
import type { Comparison } from './sort-key.ts'
import { compareSortKeys } from './sort-key.ts'

/** What makes one answer of those of all shards. Names that begin with `HIDDEN` are of columns that only this needs. */
export interface MergePlan {
  /** Undefined: rows stay rows. Otherwise those that are equal in all of these hidden columns become one; none: all do. */
  readonly groupBy: readonly string[] | undefined
  readonly aggregates: readonly Aggregate[]
  readonly orderBy: readonly Ordering[]
  readonly offset: number
  readonly limit: number | undefined
}

/** A column that is an aggregate. */
export type Aggregate =
  | { readonly merge: 'sum'; readonly column: string }
  /** `key` is the hidden column that is compared. */
  | { readonly merge: 'min' | 'max'; readonly column: string; readonly key: string; readonly comparison: Comparison }
  /** From the hidden columns with the sum, as text, and the count. */
  | { readonly merge: 'avg'; readonly column: string; readonly sum: string; readonly count: string }

export interface Ordering {
  readonly column: string
  readonly comparison: Comparison
  readonly isDescending: boolean
  readonly isNullFirst: boolean
}

/** Beginning of the names of hidden columns. */
export const HIDDEN = 'tenfold:'

/** Pure. @throws TF_SHARD_UNMERGEABLE an aggregate is of something that can't be added */
export function mergeAnswers(answers: readonly (readonly Row[])[], plan: MergePlan): Row[] {
  const rows = plan.groupBy === undefined ? answers.flat() : mergeGroups(answers.flat(), plan.groupBy, plan.aggregates)
  // What comes from one shard is a run that is sorted already; toSorted() finds such runs and merges them.
  const sorted = plan.orderBy.length === 0 ? rows : rows.toSorted((a, b) => compareRows(a, b, plan.orderBy))
  const end = plan.limit === undefined ? undefined : plan.offset + plan.limit
  const given = plan.offset === 0 && end === undefined ? sorted : sorted.slice(plan.offset, end)
  const hasHidden = given[0] !== undefined && Object.keys(given[0]).some((column) => column.startsWith(HIDDEN))
  return hasHidden ? given.map(withoutHidden) : given
}

function compareRows(a: Row, b: Row, orderings: readonly Ordering[]): number {
  for (const { column, comparison, isDescending, isNullFirst } of orderings) {
    const [left, right] = [a[column] ?? null, b[column] ?? null]
    if (left === null && right === null) continue
    if (left === null || right === null) return (left === null) === isNullFirst ? -1 : 1
    const order = compareSortKeys(comparison, String(left), String(right))
    if (order !== 0) return isDescending ? -order : order
  }
  return 0
}

function mergeGroups(rows: readonly Row[], groupBy: readonly string[], aggregates: readonly Aggregate[]): Row[] {
  const groups = Map.groupBy(rows, (row) => JSON.stringify(groupBy.map((column) => row[column])))
  return [...groups.values()].map((group) => ({ ...group[0], ...aggregated(group, aggregates) }))
}

function aggregated(group: readonly Row[], aggregates: readonly Aggregate[]): Row {
  return Object.assign({}, ...aggregates.map((aggregate) => merged(group, aggregate))) as Row
}

function merged(group: readonly Row[], aggregate: Aggregate): Row {
  const { column } = aggregate
  switch (aggregate.merge) {
    case 'sum':
      return { [column]: sumOf(group, column) }
    case 'avg': {
      const sum = sumOf(group, aggregate.sum)
      const count = BigInt(String(sumOf(group, aggregate.count) ?? 0))
      if (sum === null || count === 0n) return { [column]: null }
      if (group.some((row) => typeof row[column] === 'number')) return { [column]: Number(sum) / Number(count) }
      const text = String(sum)
      return { [column]: isDecimal(text) ? divideDecimal(text, count) : text }
    }
    case 'min':
    case 'max': {
      const { key, comparison } = aggregate
      const sign = aggregate.merge === 'min' ? 1 : -1
      const best = group
        .filter((row) => row[key] !== null)
        .reduce<Row | undefined>((so, row) => {
          const isBetter = so === undefined || sign * compareSortKeys(comparison, String(row[key]), String(so[key])) < 0
          return isBetter ? row : so
        }, undefined)
      return { [column]: best?.[column] ?? null, [key]: best?.[key] ?? null }
    }
  }
}

/** In the type that a shard gave it in: what does not fit into numbers comes as text. */
function sumOf(group: readonly Row[], column: string): unknown {
  return group
    .map((row) => row[column])
    .filter((value) => value !== null)
    .reduce<unknown>((sum, value) => (sum === null ? value : add(sum, value, column)), null)
}

function add(a: unknown, b: unknown, column: string): unknown {
  if (typeof a === 'number' && typeof b === 'number') return a + b
  if (typeof a === 'bigint' && typeof b === 'bigint') return a + b
  if (typeof a === 'string' && typeof b === 'string') {
    if (isDecimal(a) && isDecimal(b)) return addDecimals(a, b)
    // Of floating point numbers that were asked for as text, and of numbers that are none.
    if (!Number.isNaN(Number(a)) || a === 'NaN') return String(Number(a) + Number(b))
  }
  throw new TenfoldError(
    'TF_SHARD_UNMERGEABLE',
    `expected ${column} to be numbers that can be added, got ${typeof a} ${JSON.stringify(a)}`,
    { hint: 'ask for it as a number, as in sum(extract(epoch from …))', details: { column } },
  )
}

function withoutHidden(row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([column]) => !column.startsWith(HIDDEN)))
}
