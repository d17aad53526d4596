import type {
  AliasNode,
  IdentifierNode,
  JoinNode,
  OperationNode,
  ReferenceNode,
  SelectQueryNode,
  TableNode,
} from 'kysely'
import { refuse, refuseInside } from './select-refusals.ts'
import type { CatalogColumn, CatalogTable, TableCatalog } from './table-catalog.ts'

/** A table of a query. */
export interface QueryTable extends CatalogTable {
  /** By which the query names it. */
  readonly alias: string
}

/**
 * The tables of a query, the sharded one that all others hang on first.
 *
 * @param key the column of the shard key
 * @throws TF_SHARD_UNMERGEABLE rows that belong together may be on different shards, or come once from each
 */
export function tablesOf(
  query: SelectQueryNode,
  catalog: TableCatalog,
  key: string,
): readonly [QueryTable, ...QueryTable[]] {
  const [from, ...others] = query.from?.froms ?? []
  if (from === undefined || others.length > 0) {
    return refuse(
      'none, or several, of the tables it is from',
      'select from one table, and join the others by the shard key',
    )
  }
  const first = tableOf(from, catalog)
  if (!first.isSharded) {
    refuse(
      `${first.alias}, which is whole on each shard, first`,
      'begin with a sharded table, or read it with reference',
    )
  }
  const tables: [QueryTable, ...QueryTable[]] = [first]
  for (const join of query.joins ?? []) {
    const table = tableOf(join.table, catalog)
    if (join.joinType !== 'InnerJoin' && join.joinType !== 'LeftJoin') {
      refuse(`a join of another kind (${join.joinType})`, 'use innerJoin() or leftJoin()')
    }
    if (join.on !== undefined) refuseInside(join.on.on, 'condition')
    if (table.isSharded && !isJoinedByKey(join, { table, tables, key })) {
      refuse(
        `a join of ${table.alias} that is not by the shard key`,
        `let the join have ${table.alias}.${key} = ${first.alias}.${key}`,
      )
    }
    tables.push(table)
  }
  return tables
}

/** The column that a reference means, if it is one of these tables. */
export function columnOf(node: OperationNode, tables: readonly QueryTable[]): CatalogColumn | undefined {
  const name = columnName(node)
  if (name === undefined) return undefined
  const { table } = node as ReferenceNode
  const its = tables.find((one) => (table === undefined ? one.columns.has(name) : one.alias === tableName(table)))
  return its?.columns.get(name)
}

/** The name of the column that a reference is of. */
export function columnName(node: OperationNode): string | undefined {
  if (node.kind !== 'ReferenceNode') return undefined
  const { column } = node as ReferenceNode
  return column.kind === 'ColumnNode' ? column.column.name : undefined
}

/** The name that an expression is selected as. */
export function aliasOf(node: OperationNode): string | undefined {
  if (node.kind !== 'AliasNode') return columnName(node)
  const { alias } = node as AliasNode
  return alias.kind === 'IdentifierNode' ? (alias as IdentifierNode).name : undefined
}

function tableOf(node: OperationNode, catalog: TableCatalog): QueryTable {
  const named = node.kind === 'AliasNode' ? (node as AliasNode).node : node
  if (named.kind !== 'TableNode') return refuse('something else than a table', 'select from tables')
  const { identifier, schema } = (named as TableNode).table
  const found = catalog.table(identifier.name, schema?.name)
  if (found === undefined) {
    return refuse(
      `the table ${identifier.name}, which the shards don't have or the role may not see`,
      'check its name; views can be read for one key only',
    )
  }
  return { ...found, alias: (node.kind === 'AliasNode' ? aliasOf(node) : undefined) ?? identifier.name }
}

interface Joined {
  readonly table: QueryTable
  readonly tables: readonly QueryTable[]
  readonly key: string
}

function isJoinedByKey(join: JoinNode, joined: Joined): boolean {
  return conjuncts(join.on?.on).some((node) => isKeyEquality(node, joined))
}

function conjuncts(node: OperationNode | undefined): readonly OperationNode[] {
  if (node === undefined) return []
  const { left, right, node: inside } = node as OperationNode & Readonly<Record<string, OperationNode>>
  if (node.kind === 'AndNode') return [...conjuncts(left), ...conjuncts(right)]
  return node.kind === 'ParensNode' ? conjuncts(inside) : [node]
}

function isKeyEquality(node: OperationNode, { table, tables, key }: Joined): boolean {
  if (node.kind !== 'BinaryOperationNode') return false
  const { leftOperand, rightOperand, operator } = node as OperationNode & Readonly<Record<string, OperationNode>>
  if ((operator as (OperationNode & { operator?: string }) | undefined)?.operator !== '=') return false
  const sides = [leftOperand, rightOperand].map((side) => {
    const of = side?.kind === 'ReferenceNode' ? (side as ReferenceNode).table : undefined
    return side !== undefined && of !== undefined && columnName(side) === key ? tableName(of) : undefined
  })
  const other = sides.find((alias) => alias !== table.alias)
  return sides.includes(table.alias) && tables.some(({ alias, isSharded }) => isSharded && alias === other)
}

function tableName(table: TableNode): string {
  return table.table.identifier.name
}
