import { TenfoldError } from '../core/errors.ts'
import { quoteIdentifier } from '../sql/quote-identifier.ts'
import type { Session } from '../sql/session.ts'

/** What was looked at. */
export interface CheckedData {
  readonly tables: number
  readonly indexes: number
}

/**
 * Looks at every table and every B-tree of a database with PostgreSQL's `amcheck`, page by page.
 *
 * @param isThorough also whether each row is in each index, which reads everything twice
 * @throws TF_DATA_CORRUPT naming the first relation that is not right
 */
export async function checkData(session: Session, isThorough: boolean): Promise<CheckedData> {
  const { rows } = await session.query<{ there: boolean }>(
    `select exists (select from pg_extension where extname = 'amcheck') as there`,
  )
  const wasThere = rows[0]?.there === true
  if (!wasThere) await session.query('create extension amcheck')
  const tables = await relationsOf(session, `relkind in ('r', 't', 'm')`)
  for (const { oid, name } of tables) {
    const found = await session.query<{ msg: string }>('select msg from verify_heapam($1::oid::regclass)', [oid])
    if (found.rows[0] !== undefined) throw corrupt(name, found.rows[0].msg)
  }
  const indexes = await relationsOf(
    session,
    `relkind = 'i' and relam = (select oid from pg_am where amname = 'btree')
       and exists (select from pg_index where indexrelid = pg_class.oid and indisvalid and indisready)`,
  )
  for (const { oid, name } of indexes) {
    try {
      await session.query('select bt_index_check($1::oid::regclass, $2)', [oid, isThorough])
    } catch (error) {
      throw corrupt(name, error instanceof Error ? error.message : String(error), error)
    }
  }
  if (!wasThere) await session.query('drop extension amcheck')
  return { tables: tables.length, indexes: indexes.length }
}

/** Rows of a table, and a number that is different when one of them is, whatever their order. */
export interface TableChecksum {
  readonly rows: number
  readonly checksum: string
}

/**
 * The checksum of every table that is not PostgreSQL's own, by its name; reads all of them in one snapshot. The table of
 * terms is left out: a restore begins one.
 */
export async function tableChecksums(session: Session): Promise<Readonly<Record<string, TableChecksum>>> {
  await session.query('begin isolation level repeatable read read only')
  const { rows: tables } = await session.query<{ schema: string; name: string }>(
    `select schemaname as schema, tablename as name from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema') and (schemaname, tablename) <> ('tenfold', 'term')
      order by 1, 2`,
  )
  const checksums: Record<string, TableChecksum> = {}
  for (const { schema, name } of tables) {
    const table = `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
    const { rows } = await session.query<{ rows: string; checksum: string }>(
      `select count(*)::text as rows, coalesce(sum(hashtextextended(r::text, 0)), 0)::text as checksum from ${table} r`,
    )
    checksums[`${schema}.${name}`] = { rows: Number(rows[0]!.rows), checksum: rows[0]!.checksum }
  }
  await session.query('commit')
  return checksums
}

async function relationsOf(
  session: Session,
  condition: string,
): Promise<readonly { readonly oid: string; readonly name: string }[]> {
  const { rows } = await session.query<{ oid: string; name: string }>(
    `select oid::text as oid, oid::regclass::text as name from pg_class
      where relpersistence = 'p' and ${condition} order by relpages`,
  )
  return rows
}

function corrupt(relation: string, got: string, cause?: unknown): TenfoldError {
  return new TenfoldError('TF_DATA_CORRUPT', `expected ${relation} to be sound, got: ${got}`, {
    hint: 'restore to an earlier moment, or from another backup ("tenfold backup list")',
    details: { relation },
    cause,
  })
}
