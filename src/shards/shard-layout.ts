import { TenfoldError } from '../core/errors.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import { installSchema } from '../sql/own-schema.ts'
import { quoteIdentifier } from '../sql/quote-identifier.ts'
import { GUARD, guardFunction, guardTable, SCHEMA } from './guard.ts'
import { mapDocument, readMapDocument } from './map-document.ts'
import { MOVE_TABLES } from './reshard/move-tables.ts'
import type { ShardMap } from './shard-map.ts'

/** As much of a connection as setting up needs. */
export type ShardDatabase = Pick<DatabaseConnection, 'query' | 'transaction'>

/**
 * Prepares a shard, as the owner of its database: what it knows of the map, and whom it lets write what. One that is
 * prepared already stays as it is; its guards are renewed. Tables that come with migrations are guarded by `guardTables`.
 *
 * @throws TF_SHARD_MISTAKEN the database is another shard, or of another map
 */
export async function installShard(database: ShardDatabase, shard: number, map: ShardMap): Promise<void> {
  await installSchema(database, { name: SCHEMA, what: 'shards', versions: VERSIONS, tooNew: 'TF_SHARDS_LAYOUT' })
  await database.transaction(async (tx) => {
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('${SCHEMA}', 0))`)
    await tx.query(GUARD)
    await tx.query(guardFunction(map))
    const { rows } = await tx.query<{ shard: number }>(`select shard from ${SCHEMA}.state`)
    const [present] = rows
    if (present === undefined) {
      await tx.query(`insert into ${SCHEMA}.state (shard, epoch) values ($1, $2)`, [
        shard,
        // One that came later owns nothing yet.
        map.shardEpochs[shard] ?? map.epoch,
      ])
      await tx.query(`insert into ${SCHEMA}.map (epoch, document) values ($1, $2)`, [map.epoch, mapDocument(map)])
      const owned = [...map.owners].filter(([, owner]) => owner.shard === shard)
      await tx.query(
        `insert into ${SCHEMA}.owned (bucket, epoch, state)
         select bucket, epoch, 'owned' from unnest($1::int[], $2::int[]) own (bucket, epoch)`,
        [owned.map(([bucket]) => bucket), owned.map(([, { epoch }]) => epoch)],
      )
    } else if (present.shard !== shard) {
      throw new TenfoldError(
        'TF_SHARD_MISTAKEN',
        `expected shard ${shard}, got a database that is shard ${present.shard}`,
        {
          hint: 'check the order of the urls, or the data directories',
          details: { expected: shard, got: present.shard },
        },
      )
    }
  })
}

/** The newest map that a shard knows of. @throws TF_SHARD_MAP_INVALID */
export async function readMap(database: Pick<ShardDatabase, 'query'>): Promise<ShardMap> {
  const { rows } = await database.query<{ document: unknown }>(
    `select document from ${SCHEMA}.map order by epoch desc limit 1`,
  )
  return readMapDocument(rows[0]?.document)
}

/**
 * Guards every table that has the key's column, so that nobody can write a row to a shard that does not have its bucket.
 * Run it after migrations, as the owner.
 *
 * @param reference tables that every shard holds whole, as `country` or `public.country`: left alone
 * @returns the other tables without the column
 * @throws TF_SHARD_TABLE_INVALID a primary key does not begin with the key's column
 */
export async function guardTables(
  database: ShardDatabase,
  { column }: ShardMap,
  reference: readonly string[] = [],
): Promise<readonly string[]> {
  const tables = await database.query<TableRow>(TABLES, [column])
  const rows = tables.rows.filter(({ name }) => !reference.includes(name) && !reference.includes(`public.${name}`))
  const wrong = rows.find(({ has_column, is_first }) => has_column && !is_first)
  if (wrong !== undefined) {
    throw new TenfoldError(
      'TF_SHARD_TABLE_INVALID',
      `expected the primary key of ${wrong.quoted} to begin with ${quoteIdentifier(column)}`,
      {
        hint: `make it primary key (${quoteIdentifier(column)}, …), or name the table in 'reference'`,
        details: { table: wrong.quoted, column },
      },
    )
  }
  for (const { quoted, has_column, is_guarded } of rows) {
    // To do it again would wait for whoever copies rows there.
    if (has_column && !is_guarded) await database.query(guardTable(quoted))
  }
  return rows.filter(({ has_column }) => !has_column).map(({ quoted }) => quoted)
}

interface TableRow {
  /** Without the schema where that is `public`. */
  readonly name: string
  readonly quoted: string
  readonly has_column: boolean
  readonly is_first: boolean
  readonly is_guarded: boolean
}

/** Tables of the application; of partitioned ones the whole, which hands its triggers on. */
const TABLES = `
  select case namespace.nspname when 'public' then '' else namespace.nspname || '.' end || class.relname as name,
    format('%I.%I', namespace.nspname, class.relname) as quoted, key.attnum is not null as has_column,
    coalesce(key.attnum = primary_key.indkey[0], false) as is_first,
    (select count(*) from pg_trigger t where t.tgrelid = class.oid and t.tgname in ('tenfold_guard', 'tenfold_guard_truncate')) = 2
      as is_guarded
  from pg_class class
  join pg_namespace namespace on namespace.oid = class.relnamespace
  left join pg_attribute key on key.attrelid = class.oid and key.attname = $1 and not key.attisdropped
  left join pg_index primary_key on primary_key.indrelid = class.oid and primary_key.indisprimary
  where class.relkind in ('r', 'p') and not class.relispartition and class.relpersistence <> 't'
    and namespace.nspname !~ '^(pg_|information_schema$|tenfold)'
  order by 2`

/** Only ever added to. */
const VERSIONS = [
  `
  grant usage on schema ${SCHEMA} to public;
  create table ${SCHEMA}.state (
    only_row boolean primary key default true check (only_row),
    shard int not null,
    epoch int not null -- of the map when it last got or lost a bucket
  );
  create table ${SCHEMA}.map (
    epoch int primary key,
    document jsonb not null,
    at timestamptz not null default clock_timestamp()
  );
  create table ${SCHEMA}.owned (
    bucket int primary key,
    epoch int not null,
    state text not null check (state in ('owned', 'incoming', 'moved')),
    claim text -- of the attempt for which it is incoming, and alone may make it owned; or for which it was let go
  );
  grant select on ${SCHEMA}.state, ${SCHEMA}.map, ${SCHEMA}.owned to public;`,
  MOVE_TABLES,
]
