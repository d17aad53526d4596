import { compareDecimals } from './decimal.ts'

/** How values of a column are compared where rows of several shards meet. */
export type Comparison =
  | 'number'
  /** By bytes, as the collation "C" does. */
  | 'text'

/** What a column's type means for merging. */
export interface SortKey {
  readonly comparison: Comparison
  /** Text of the expression around a column, or a min() or max() of it, that gives what to compare, as text. */
  readonly expression: readonly [before: string, after: string]
}

const AS_TEXT = ['(', ')::text'] as const
const SINCE_1970 = ['extract(epoch from ', ')::text'] as const

/**
 * Types that can be merged, and what is compared. The text is one for equal values, so that groups meet by it. What is not
 * here has an order that can't be found again outside the server, as enumerations have, or none.
 */
const KEYS: Readonly<Record<string, SortKey>> = {
  int2: { comparison: 'number', expression: AS_TEXT },
  int4: { comparison: 'number', expression: AS_TEXT },
  int8: { comparison: 'number', expression: AS_TEXT },
  numeric: { comparison: 'number', expression: ['trim_scale(', ')::text'] },
  // With 0 added the zero that is negative is none.
  float4: { comparison: 'number', expression: ['(0 + ', ')::float8::text'] },
  float8: { comparison: 'number', expression: ['(0 + ', ')::text'] },
  bool: { comparison: 'number', expression: ['(', ')::int::text'] },
  date: { comparison: 'number', expression: SINCE_1970 },
  timestamp: { comparison: 'number', expression: SINCE_1970 },
  timestamptz: { comparison: 'number', expression: SINCE_1970 },
  text: { comparison: 'text', expression: AS_TEXT },
  varchar: { comparison: 'text', expression: AS_TEXT },
  uuid: { comparison: 'text', expression: AS_TEXT },
}

/** @param type as PostgreSQL calls it: `int4`, `timestamptz` */
export function sortKeyOf(type: string): SortKey | undefined {
  return Object.hasOwn(KEYS, type) ? KEYS[type] : undefined
}

/** Compares keys of one column as the server does. */
export function compareSortKeys(comparison: Comparison, a: string, b: string): number {
  if (comparison === 'number') return compareDecimals(a, b)
  // Of UTF-16 and UTF-8 only the latter has the order of code points, which is that of "C".
  return a === b ? 0 : Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'))
}
