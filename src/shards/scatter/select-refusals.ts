import type { OperationNode, SelectQueryNode } from 'kysely'
import { TenfoldError } from '../../core/errors.ts'

/** @throws TF_SHARD_UNMERGEABLE */
export function refuse(what: string, hint: string): never {
  throw new TenfoldError('TF_SHARD_UNMERGEABLE', `expected a query that can be merged from all shards, got ${what}`, {
    hint,
  })
}

const REFUSED: Readonly<Partial<Record<keyof SelectQueryNode, readonly [what: string, hint: string]>>> = {
  with: ['one with WITH', 'ask for what it needs in a query of its own'],
  distinctOn: ['DISTINCT ON', 'group by the columns, with min() or max()'],
  having: ['HAVING', 'leave it out, and filter what comes'],
  setOperations: ['one of several SELECTs', 'ask for each of them'],
  endModifiers: ['one that locks rows', 'lock them in a transaction of their key: shard(key).transaction()'],
  frontModifiers: ['DISTINCT', 'group by the columns'],
  fetch: ['FETCH', 'use limit()'],
  top: ['TOP', 'use limit()'],
  explain: ['EXPLAIN', 'explain it on one shard: shard(key)'],
}

/** @throws TF_SHARD_UNMERGEABLE a clause is not among those that can be merged */
export function refuseClauses(query: SelectQueryNode): void {
  for (const [clause, why] of Object.entries(REFUSED)) {
    const given = query[clause as keyof SelectQueryNode] as readonly unknown[] | object | undefined
    if (given === undefined || (Array.isArray(given) && given.length === 0)) continue
    refuse(...why)
  }
}

const BY_KEY = 'ask for what it needs in a query of its own, or for one key: shard(key)'

/**
 * Looks through an expression for what would be computed on each shard alone.
 *
 * @throws TF_SHARD_UNMERGEABLE
 */
export function refuseInside(node: OperationNode, where: 'selection' | 'condition'): void {
  if (node.kind.endsWith('QueryNode')) refuse('one with a subquery, which every shard would answer for itself', BY_KEY)
  if (node.kind === 'OverNode') refuse('a window function', BY_KEY)
  if (node.kind === 'AggregateFunctionNode')
    refuse('an aggregate inside an expression', 'select it alone, and compute with what comes')
  if (node.kind === 'FunctionNode' && where === 'selection')
    refuseFunction((node as OperationNode & { func: string }).func)
  if (node.kind === 'RawNode')
    refuseRaw((node as OperationNode & { sqlFragments: readonly string[] }).sqlFragments, where)
  for (const child of Object.values(node) as readonly unknown[]) {
    for (const part of Array.isArray(child) ? (child as unknown[]) : [child])
      if (isNode(part)) refuseInside(part, where)
  }
}

/** Functions of one row; whether any other is an aggregate is not in its name. */
const OF_A_ROW = new Set(
  'abs ceil coalesce concat date_trunc floor format greatest jsonb_build_object least left length lower nullif replace right round substring to_char trim upper'.split(
    ' ',
  ),
)

function refuseFunction(name: string): void {
  if (OF_A_ROW.has(name.toLowerCase())) return
  refuse(`the function ${name}(), which may be an aggregate`, 'select its arguments, and compute with what comes')
}

function refuseRaw(fragments: readonly string[], where: 'selection' | 'condition'): void {
  const text = fragments.join(' ')
  if (/\b(?:select|table|over)\b/i.test(text)) refuse('SQL text with a subquery or a window', BY_KEY)
  if (where === 'selection' && text.includes('(')) {
    refuse('SQL text with a call, which may be an aggregate', 'use the functions of Kysely: fn.count, fn.sum, …')
  }
}

function isNode(value: unknown): value is OperationNode {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string'
}
