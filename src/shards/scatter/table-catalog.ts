import type { DatabaseConnection } from '../../sql/database.ts'

/** What has to be known of tables to merge what is read from them. */
export interface TableCatalog {
  /** Undefined for what is no table that a statement finds by this name. */
  table(name: string, schema: string | undefined): CatalogTable | undefined
}

/** A table. */
export interface CatalogTable {
  /** Whether its rows are spread over the shards; others are on each shard. */
  readonly isSharded: boolean
  readonly columns: ReadonlyMap<string, CatalogColumn>
}

/** A column. */
export interface CatalogColumn {
  /** As PostgreSQL calls it: `int4`; of a domain what it is based on. */
  readonly type: string
  /** Whether it is text that the server orders otherwise than by bytes. */
  readonly isCollated: boolean
}

interface ColumnRow {
  readonly schema: string
  readonly table: string
  readonly is_visible: boolean
  readonly is_sharded: boolean
  readonly column: string
  readonly type: string
  readonly is_collated: boolean
}

/** Reads what a shard has. */
export async function readCatalog(database: Pick<DatabaseConnection, 'transaction'>): Promise<TableCatalog> {
  const { rows } = await database.transaction((tx) => tx.query<ColumnRow>(COLUMNS), { isReadOnly: true })
  const tables = Map.groupBy(rows, ({ schema, table }) => JSON.stringify([schema, table]))
  const bySchema = new Map<string, CatalogTable>()
  const visible = new Map<string, CatalogTable>()
  for (const [name, columns] of tables) {
    const [{ table, is_visible, is_sharded: isSharded }] = columns as [ColumnRow]
    const its: CatalogTable = {
      isSharded,
      columns: new Map(columns.map(({ column, type, is_collated }) => [column, { type, isCollated: is_collated }])),
    }
    bySchema.set(name, its)
    if (is_visible) visible.set(table, its)
  }
  return {
    table: (name, schema) => (schema === undefined ? visible.get(name) : bySchema.get(JSON.stringify([schema, name]))),
  }
}

/** Sharded is what has the guard. */
const COLUMNS = `
  select namespace.nspname as schema, class.relname as table, pg_table_is_visible(class.oid) as is_visible,
    exists (select from pg_trigger where tgrelid = class.oid and tgname = 'tenfold_guard') as is_sharded,
    attname as column,
    -- What is equal there is not the same text.
    case when "collation".collisdeterministic is false then 'text that is equal to other text' else base.typname end as type,
    attcollation <> 0 and not (
      "collation".collname in ('C', 'POSIX', 'ucs_basic', 'pg_c_utf8') or "collation".collname = 'default' and (
        database.datlocprovider = 'b' or database.datlocprovider = 'c' and database.datcollate in ('C', 'POSIX')
      )
    ) as is_collated
  from pg_class class
  join pg_namespace namespace on namespace.oid = class.relnamespace
  join pg_attribute attribute on attribute.attrelid = class.oid and attnum > 0 and not attisdropped
  join pg_type type on type.oid = atttypid
  join pg_type base on base.oid = case type.typtype when 'd' then type.typbasetype else type.oid end
  join pg_database database on database.datname = current_database()
  left join pg_collation "collation" on "collation".oid = attcollation
  where class.relkind in ('r', 'p') and namespace.nspname !~ '^(pg_|information_schema$|tenfold)'`
