import { SCHEMA } from '../guard.ts'
import type { ShardDatabase } from '../shard-layout.ts'

/** Notified on the first shard when a reference table has been written. */
export const REFERENCE_CHANNEL = 'tenfold_reference'
/** SQLSTATE of what is refused because reference tables are written on the first shard. */
const ELSEWHERE = 'TF003'

/**
 * Keeps services from writing reference tables on any shard but the first, and lets the first tell when they are written.
 * The owner of a table may write it everywhere, as migrations do; what is different then goes with the next copy.
 *
 * @param tables as in the blueprint: `country`, `public.country`
 */
export async function guardReference(database: ShardDatabase, shard: number, tables: readonly string[]): Promise<void> {
  await database.query(FUNCTION)
  const timing = shard === 0 ? 'after' : 'before'
  for (const { quoted } of await referenceTables(database, tables)) {
    await database.query(
      `create or replace trigger tenfold_reference ${timing} insert or update or delete or truncate on ${quoted}
       for each statement execute function ${SCHEMA}.guard_reference()`,
    )
  }
}

/** A reference table as a shard has it. */
export interface ReferenceTable {
  readonly quoted: string
  /** Quoted, without those that are generated. */
  readonly columns: readonly string[]
  /** Quoted, of these those that an update can set. */
  readonly settable: readonly string[]
  /** Quoted; empty where there is none. */
  readonly primaryKey: readonly string[]
}

/** Those that are there. */
export async function referenceTables(
  database: Pick<ShardDatabase, 'query'>,
  tables: readonly string[],
): Promise<readonly ReferenceTable[]> {
  if (tables.length === 0) return []
  const { rows } = await database.query<ReferenceTable>(TABLES, [tables])
  return rows
}

const TABLES = `
  select format('%I.%I', namespace.nspname, class.relname) as quoted,
    array_agg(quote_ident(attname) order by attnum) filter (where attgenerated = '') as columns,
    coalesce(array_agg(quote_ident(attname) order by attnum) filter (where attgenerated = '' and attidentity <> 'a'), '{}')
      as settable,
    coalesce(array_agg(quote_ident(attname) order by array_position(indkey::int2[], attnum))
      filter (where attnum = any (indkey::int2[])), '{}') as "primaryKey"
  from pg_class class
  join pg_namespace namespace on namespace.oid = class.relnamespace
  join pg_attribute on attrelid = class.oid and attnum > 0 and not attisdropped
  left join pg_index on indrelid = class.oid and indisprimary
  where class.relkind in ('r', 'p') and (
    namespace.nspname || '.' || class.relname = any ($1) or namespace.nspname = 'public' and class.relname = any ($1))
  group by 1 order by 1`

const FUNCTION = `
  create or replace function ${SCHEMA}.guard_reference() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp as $$
  begin
    if (select shard from ${SCHEMA}.state) = 0 then
      perform pg_notify('${REFERENCE_CHANNEL}', '');
    elsif not pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'usage') then
      raise exception '% is written on the first shard', tg_relid::regclass
        using errcode = '${ELSEWHERE}', hint = 'write it with reference.transaction()';
    end if;
    return null;
  end $$`
