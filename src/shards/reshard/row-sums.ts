import type { ShardDatabase } from '../shard-layout.ts'
import type { MovedTable } from './moved-tables.ts'

/** A part of the rows of a table that are moved: beyond one primary key, up to and with another. */
export interface RowRange {
  readonly table: MovedTable
  /** Condition that a row has to meet. */
  readonly filter: string
  /** Undefined: from the first. */
  readonly after: readonly string[] | undefined
  /** Undefined: to the last. */
  readonly until: readonly string[] | undefined
}

/** By primary key, as JSON of its values as text: a checksum of each row. */
export type RowSums = ReadonlyMap<string, string>

/** The primary key of the last of the next so many rows; undefined if there are fewer. */
export async function nextBoundary(
  database: ShardDatabase,
  { table, filter, after, rows: count }: Omit<RowRange, 'until'> & { readonly rows: number },
): Promise<readonly string[] | undefined> {
  const { text, values } = condition({ table, filter, after, until: undefined })
  const columns = keyColumns(table)
  const rows = await read<{ key: readonly string[] }>(
    database,
    `select ${keyText(table)} as key from ${table.name} t where ${text} order by ${columns} offset ${count - 1} limit 1`,
    values,
  )
  return rows[0]?.key
}

/** How many rows there are in a range, and a checksum of all of them that does not depend on their order. */
export async function sumOfRange(
  database: ShardDatabase,
  range: RowRange,
): Promise<{ readonly rows: number; readonly sum: string }> {
  const { text, values } = condition(range)
  const rows = await read<{ rows: number; sum: string }>(
    database,
    `select count(*)::int as rows, coalesce(sum(${rowSum(range.table)}::numeric), 0)::text as sum
     from ${range.table.name} t where ${text}`,
    values,
  )
  return rows[0] as { rows: number; sum: string }
}

/** A checksum of each row of a range, or of those with these primary keys that there are. */
export async function rowSums(
  database: ShardDatabase,
  which: RowRange | { readonly table: MovedTable; readonly keys: readonly (readonly string[])[] },
): Promise<RowSums> {
  const { table } = which
  const { text, values } = 'keys' in which ? hasKey(table, which.keys) : condition(which)
  const rows = await read<{ key: readonly string[]; sum: string }>(
    database,
    `select ${keyText(table)} as key, ${rowSum(table)}::text as sum from ${table.name} t where ${text}`,
    values,
  )
  return new Map(rows.map(({ key, sum }) => [JSON.stringify(key), sum]))
}

/** Text is the same on both sides only under the same settings. */
const SETTINGS = `
  set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres';
  set local extra_float_digits = 1; set local bytea_output = 'hex'; set local xmlbinary = 'base64'`

async function read<Row>(database: ShardDatabase, text: string, values: readonly unknown[]): Promise<readonly Row[]> {
  return database.transaction(
    async (tx) => {
      await tx.query(SETTINGS)
      return (await tx.query<Row>(text, values)).rows
    },
    { isReadOnly: true },
  )
}

function keyColumns({ key }: MovedTable): string {
  return key.map(({ name }) => `t.${name}`).join(', ')
}

function keyText({ key }: MovedTable): string {
  return `array[${key.map(({ name }) => `t.${name}::text`).join(', ')}]`
}

function rowSum({ columns }: MovedTable): string {
  return `hashtextextended(row(${columns.map(({ name }) => `t.${name}`).join(', ')})::text, 0)`
}

function condition({ table, filter, after, until }: RowRange): {
  readonly text: string
  readonly values: readonly string[]
} {
  const tuple = (first: number): string => table.key.map(({ type }, n) => `$${first + n}::${type}`).join(', ')
  const parts = [`(${filter})`]
  if (after !== undefined) parts.push(`(${keyColumns(table)}) > (${tuple(1)})`)
  if (until !== undefined) parts.push(`(${keyColumns(table)}) <= (${tuple(1 + (after?.length ?? 0))})`)
  return { text: parts.join(' and '), values: [...(after ?? []), ...(until ?? [])] }
}

function hasKey(
  { key }: MovedTable,
  keys: readonly (readonly string[])[],
): { readonly text: string; readonly values: readonly unknown[] } {
  const columns = key.map(({ name }) => `t.${name}`).join(', ')
  const given = key.map(({ type }, n) => `given.k${n}::${type}`).join(', ')
  const names = key.map((_, n) => `k${n}`).join(', ')
  const arrays = key.map((_, n) => `$${n + 1}::text[]`).join(', ')
  return {
    text: `(${columns}) in (select ${given} from unnest(${arrays}) as given (${names}))`,
    values: key.map((_, n) => keys.map((values) => values[n])),
  }
}
