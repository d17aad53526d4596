import type {
  AggregateFunctionNode,
  AliasNode,
  LimitNode,
  OperationNode,
  OrderByItemNode,
  RawNode,
  ReferenceNode,
  SelectQueryNode,
} from 'kysely'
import type { ShardMap } from '../shard-map.ts'
import type { Aggregate, MergePlan, Ordering } from './merge-answers.ts'
import { HIDDEN } from './merge-answers.ts'
import { ownedRows } from './owned-rows.ts'
import { refuse, refuseClauses, refuseInside } from './select-refusals.ts'
import type { QueryTable } from './select-tables.ts'
import { aliasOf, columnOf, tablesOf } from './select-tables.ts'
import type { SortKey } from './sort-key.ts'
import { sortKeyOf } from './sort-key.ts'
import type { CatalogColumn, TableCatalog } from './table-catalog.ts'

/** A query for all shards. */
export interface SelectPlan {
  /** What each shard is asked; where its buckets are needed, the parameter is `BUCKETS`. */
  readonly query: SelectQueryNode
  readonly merge: MergePlan
}

/** Stands among the parameters for the buckets of the shard that is asked. */
export const BUCKETS: unique symbol = Symbol('buckets')

/** So many rows come at most where the query has no limit; one more is an error. */
export const ROWS_MAX = 100_000
/** So many rows are left out at most: every shard sends them. */
const OFFSET_MAX = 10_000

/**
 * Reads a query of Kysely: what every shard is asked, with `limit`, `order by` and aggregates pushed down, and how the
 * answers are merged. Pure.
 *
 * @throws TF_SHARD_UNMERGEABLE what the shards say can't make the answer
 */
export function planSelect(
  query: SelectQueryNode,
  map: Pick<ShardMap, 'partitioning' | 'column'>,
  catalog: TableCatalog,
): SelectPlan {
  refuseClauses(query)
  const tables = tablesOf(query, catalog, map.column)
  if (query.where !== undefined) refuseInside(query.where.where, 'condition')
  const hidden = new HiddenColumns()
  const selections = (query.selections ?? []).map(({ selection }) => selection as OperationNode)
  const aggregates = selections.flatMap((selection) => aggregateOf(selection, tables, hidden))
  const groups = query.groupBy?.items.map(({ groupBy }) => groupBy)
  for (const selection of selections) {
    if (!isAggregate(selection)) refuseInside(selection, 'selection')
  }
  const isGrouped = groups !== undefined || aggregates.length > 0
  const groupBy = groups?.map((node) => hidden.of(node, mergeable(columnOf(node, tables), 'grouped by')))
  const items = query.orderBy?.items ?? []
  const orders = items.map((item) => orderOf(item, { selections, aggregates, tables, hidden }))
  const offset = numberOf(query.offset?.offset, 'offset') ?? 0
  const limit = numberOf(query.limit?.limit, 'limit')
  if (offset > OFFSET_MAX) {
    refuse(`an offset of ${offset}`, `go on behind the last row that was seen; up to ${OFFSET_MAX} can be left out`)
  }
  if (limit !== undefined && limit > ROWS_MAX) refuse(`a limit of ${limit}`, `ask for ${ROWS_MAX} at a time`)
  // Whose order depends on merged values is not known before they are merged.
  const isPushedDown = !isGrouped || (groups !== undefined && orders.every(({ isOfAggregate }) => !isOfAggregate))
  if (isPushedDown && groupBy !== undefined && groups !== undefined) {
    // All shards must leave off behind the same group, or one would come from some of them only.
    for (const node of groups) orders.push(orderOf(ascending(node), { selections: [], aggregates, tables, hidden }))
  }
  const { limit: _limit, offset: _offset, orderBy: _orderBy, ...rest } = query
  return {
    query: {
      ...rest,
      selections: [...(query.selections ?? []), ...hidden.selections],
      where: { kind: 'WhereNode', where: and(ownedCondition(map, tables[0].alias), query.where?.where) },
      limit: limitNode(isPushedDown && limit !== undefined ? offset + limit : ROWS_MAX + 1),
      ...(isPushedDown && orders.length > 0
        ? { orderBy: { kind: 'OrderByNode', items: orders.map(({ item }) => item) } }
        : {}),
    },
    merge: {
      groupBy: isGrouped ? (groupBy ?? []) : undefined,
      aggregates,
      orderBy: orders.map(({ ordering }) => ordering),
      offset,
      limit,
    },
  }
}

/** Columns that are asked for beside those of the query, for merging. */
class HiddenColumns {
  readonly selections: NonNullable<SelectQueryNode['selections']>[number][] = []

  /** The text that is compared in the place of an expression. */
  of(node: OperationNode, { expression }: SortKey): string {
    return this.add({ kind: 'RawNode', sqlFragments: expression, parameters: [node] } as OperationNode)
  }

  add(node: OperationNode): string {
    const name = `${HIDDEN}${this.selections.length}`
    const selection = { kind: 'AliasNode', node, alias: { kind: 'IdentifierNode', name } } as AliasNode
    this.selections.push({ kind: 'SelectionNode', selection })
    return name
  }
}

function isAggregate(selection: OperationNode): boolean {
  return selection.kind === 'AliasNode' && (selection as AliasNode).node.kind === 'AggregateFunctionNode'
}

function aggregateOf(selection: OperationNode, tables: readonly QueryTable[], hidden: HiddenColumns): Aggregate[] {
  if (!isAggregate(selection)) return []
  const node = (selection as AliasNode).node as AggregateFunctionNode
  const column = aliasOf(selection)
  if (column === undefined) return refuse('an aggregate without a plain name', "name it: as('total')")
  const { func, aggregated, filter } = node
  if (node.distinct === true) refuse(`${func}(distinct …)`, 'group by the column, and count what comes')
  if (node.over !== undefined) refuse('a window function', 'ask for it for one key: shard(key)')
  if (node.orderBy !== undefined || node.withinGroup !== undefined) refuse(`${func}() in an order`, 'ask for the rows')
  if (filter !== undefined) refuseInside(filter.where, 'condition')
  for (const argument of aggregated) refuseInside(argument, 'selection')
  switch (func) {
    case 'count':
    case 'sum':
      return [{ merge: 'sum', column }]
    case 'avg': {
      const total: AggregateFunctionNode = { ...node, func: 'sum' }
      const count: AggregateFunctionNode = { ...node, func: 'count' }
      const sum: RawNode = { kind: 'RawNode', sqlFragments: ['', '::text'], parameters: [total] }
      return [{ merge: 'avg', column, sum: hidden.add(sum), count: hidden.add(count) }]
    }
    case 'min':
    case 'max': {
      const [argument] = aggregated
      const known = argument === undefined ? undefined : columnOf(argument, tables)
      const key = mergeable(known, `in ${func}()`)
      if (known?.isCollated === true) {
        refuse(`${func}() of text in the order of a language`, `order by it, with limit(1)`)
      }
      return [{ merge: func, column, key: hidden.of(node, key), comparison: key.comparison }]
    }
    default:
      return refuse(`the aggregate ${func}()`, 'use count, sum, min, max or avg, or ask for the rows')
  }
}

interface Order {
  /** As the shards are asked. */
  readonly item: OrderByItemNode
  readonly ordering: Ordering
  readonly isOfAggregate: boolean
}

interface Selected {
  readonly selections: readonly OperationNode[]
  readonly aggregates: readonly Aggregate[]
  readonly tables: readonly QueryTable[]
  readonly hidden: HiddenColumns
}

function orderOf(item: OrderByItemNode, { selections, aggregates, tables, hidden }: Selected): Order {
  if (item.collation !== undefined) refuse('an order with a collation', 'leave it out: text is ordered by its bytes')
  const isDescending = directionOf(item) === 'desc'
  const isNullFirst = item.nulls === undefined ? isDescending : item.nulls === 'first'
  const name = isUnqualified(item.orderBy) ? aliasOf(item.orderBy) : undefined
  const aggregate = aggregates.find(({ column }) => column === name)
  if (aggregate !== undefined) {
    const isKeyed = aggregate.merge === 'min' || aggregate.merge === 'max'
    const { column, comparison } = isKeyed
      ? { column: aggregate.key, comparison: aggregate.comparison }
      : { column: aggregate.column, comparison: 'number' as const }
    return { item, ordering: { column, comparison, isDescending, isNullFirst }, isOfAggregate: true }
  }
  // A name is that of what is selected, if there is one, and else that of a column, as PostgreSQL takes it.
  const selected = selections.find((node) => node.kind === 'AliasNode' && name !== undefined && aliasOf(node) === name)
  const node = selected === undefined ? item.orderBy : (selected as AliasNode).node
  const known = columnOf(node, tables)
  const key = mergeable(known, 'ordered by')
  const by = known?.isCollated === true ? bytesOf(node) : node
  return {
    item: { ...item, orderBy: by },
    ordering: { column: hidden.of(node, key), comparison: key.comparison, isDescending, isNullFirst },
    isOfAggregate: false,
  }
}

function isUnqualified(node: OperationNode): boolean {
  return node.kind === 'ReferenceNode' && (node as ReferenceNode).table === undefined
}

function ascending(node: OperationNode): OrderByItemNode {
  return { kind: 'OrderByItemNode', orderBy: node }
}

function directionOf({ direction }: OrderByItemNode): 'asc' | 'desc' {
  const [text = 'asc'] = (direction as { sqlFragments?: readonly string[] } | undefined)?.sqlFragments ?? []
  return text === 'asc' || text === 'desc' ? text : refuse('an order of another kind', "order by 'asc' or 'desc'")
}

function mergeable(column: CatalogColumn | undefined, use: string): SortKey {
  const key = column === undefined ? undefined : sortKeyOf(column.type)
  if (key !== undefined) return key
  const what = column === undefined ? 'an expression' : `a column of type ${column.type}`
  return refuse(`${what} ${use}`, 'use a column with a number, text, a time, a UUID or a boolean')
}

function bytesOf(node: OperationNode): OperationNode {
  return { kind: 'RawNode', sqlFragments: ['', ' collate "C"'], parameters: [node] } as OperationNode
}

function numberOf(node: OperationNode | undefined, clause: string): number | undefined {
  if (node === undefined) return undefined
  const { value } = node as OperationNode & { value?: unknown }
  const number = typeof value === 'bigint' ? Number(value) : value
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number
  return refuse(`${clause} that is no whole number`, `give ${clause}() a number`)
}

function limitNode(limit: number): LimitNode {
  return { kind: 'LimitNode', limit: { kind: 'ValueNode', value: limit } as OperationNode }
}

function ownedCondition(map: Pick<ShardMap, 'partitioning' | 'column'>, alias: string): OperationNode {
  const value = { kind: 'ValueNode', value: BUCKETS }
  return { kind: 'RawNode', sqlFragments: ownedRows(map, alias), parameters: [value] } as OperationNode
}

function and(left: OperationNode, right: OperationNode | undefined): OperationNode {
  if (right === undefined) return left
  return { kind: 'AndNode', left, right: { kind: 'ParensNode', node: right } } as OperationNode
}
