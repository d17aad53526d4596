import { quoteIdentifier } from '../../sql/quote-identifier.ts'
import { bucketExpression } from '../bucket-expression.ts'
import type { ShardDatabase } from '../shard-layout.ts'
import type { ShardMap } from '../shard-map.ts'

/** A table whose rows have the key, and so are moved. */
export interface MovedTable {
  /** Quoted, with its schema. */
  readonly name: string
  /** In their order, without those that hold nothing. */
  readonly columns: readonly TableColumn[]
  /** Those of the primary key, in its order. */
  readonly key: readonly TableColumn[]
  /** Blocks of its rows, without indexes. */
  readonly blocks: number
  /** With indexes and values out of line. */
  readonly bytes: number
  /** Why rows of it can't be moved. */
  readonly obstacles: readonly string[]
  /** What is to be known before they are. */
  readonly warnings: readonly string[]
}

export interface TableColumn {
  /** Quoted. */
  readonly name: string
  /** As in a cast. */
  readonly type: string
}

/** A sequence that values of moved rows come from. */
export interface MovedSequence {
  /** Quoted, with its schema. */
  readonly name: string
  /** The value that was given last; before the first, the one that would come before it. */
  readonly last: bigint
  readonly increment: bigint
}

/** The tables of a shard that are guarded, so not those that every shard has whole, by name. */
export async function readMovedTables(
  database: Pick<ShardDatabase, 'query'>,
  { column }: Pick<ShardMap, 'column'>,
): Promise<readonly MovedTable[]> {
  const { rows } = await database.query<MovedTable>(TABLES, [column])
  return rows
}

/** The condition that a row of a table is in one of the buckets, as a row filter may have it. */
export function inBuckets(
  { partitioning, column }: Pick<ShardMap, 'partitioning' | 'column'>,
  buckets: readonly number[],
): string {
  const bucket = bucketExpression(partitioning, quoteIdentifier(column))
  // The hash of a key has 64 bits, other buckets 32: the constants are of the type of the expression.
  const type = partitioning.by === 'hash' || partitioning.by === 'modulo' ? 'bigint' : 'int'
  return `${bucket} = any ('{${buckets.join(',')}}'::${type}[])`
}

/** Those of columns of moved tables, serial and identity. */
export async function readSequences(
  database: Pick<ShardDatabase, 'query'>,
  { column }: Pick<ShardMap, 'column'>,
): Promise<readonly MovedSequence[]> {
  const { rows } = await database.query<{ name: string; last: string; increment: string }>(SEQUENCES, [column])
  return rows.map(({ name, last, increment }) => ({ name, last: BigInt(last), increment: BigInt(increment) }))
}

const GUARDED = `exists (select from pg_trigger g where g.tgrelid = c.oid and g.tgname = 'tenfold_guard')`

const TABLES = `
  select format('%I.%I', n.nspname, c.relname) as name,
    (select json_agg(json_build_object('name', quote_ident(a.attname), 'type', format_type(a.atttypid, a.atttypmod)) order by a.attnum)
       from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    coalesce((select json_agg(json_build_object('name', quote_ident(a.attname), 'type', format_type(a.atttypid, null)) order by k.place)
       from pg_index i, unnest(i.indkey::int[]) with ordinality as k (attnum, place), pg_attribute a
      where i.indrelid = c.oid and i.indisprimary and a.attrelid = c.oid and a.attnum = k.attnum), '[]') as key,
    (coalesce((select sum(pg_relation_size(t.relid)) from pg_partition_tree(c.oid) t where t.isleaf), pg_relation_size(c.oid))
      / current_setting('block_size')::int)::float8 as blocks,
    coalesce((select sum(pg_total_relation_size(t.relid)) from pg_partition_tree(c.oid) t), pg_total_relation_size(c.oid))::float8 as bytes,
    array_remove(array[
      case when c.relpersistence <> 'p' then 'it is unlogged, so nothing of it is replicated' end,
      case when not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary and i.indkey[0] = key.attnum)
        then 'its primary key does not begin with ' || quote_ident($1) end,
      case when exists (select from pg_partition_tree(c.oid) t join pg_class l on l.oid = t.relid where l.relkind = 'f')
        then 'a partition of it is a foreign table' end,
      case when exists (select from pg_inherits i where i.inhparent = c.oid) and c.relkind = 'r' then 'other tables inherit from it' end,
      case when exists (select from pg_partition_tree(c.oid) t join pg_class l on l.oid = t.relid where l.relreplident not in ('d', 'f'))
          or c.relreplident not in ('d', 'f')
        then 'its replica identity is neither the primary key nor full' end,
      case when exists (select from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
          where i.indrelid = c.oid and i.indisprimary and a.attgenerated <> '')
        then 'a column of its primary key is generated' end
    ], null) as obstacles,
    array_remove(array[
      (select 'the unique index ' || min(quote_ident(l.relname)) || ' does not have ' || quote_ident($1)
          || ': where the other shard has the same value, the move can''t end'
         from pg_index i join pg_class l on l.oid = i.indexrelid
        where i.indrelid = c.oid and i.indisunique and not key.attnum = any (i.indkey) having count(*) > 0),
      (select 'the trigger ' || min(quote_ident(t.tgname)) || ' also runs for what replication brings'
         from pg_trigger t where t.tgrelid = c.oid and t.tgenabled in ('A', 'R') having count(*) > 0)
    ], null) as warnings
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute key on key.attrelid = c.oid and key.attname = $1 and not key.attisdropped
  where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't' and ${GUARDED}
  order by 1`

const SEQUENCES = `
  select format('%I.%I', s.schemaname, s.sequencename) as name, coalesce(s.last_value, s.start_value - s.increment_by)::text as last, s.increment_by::text as increment
  from pg_sequences s
  join pg_class c on c.oid = format('%I.%I', s.schemaname, s.sequencename)::regclass
  where exists (
    select from pg_depend d
    join pg_attribute key on key.attrelid = d.refobjid and key.attname = $1 and not key.attisdropped
    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i'))
  order by 1`
