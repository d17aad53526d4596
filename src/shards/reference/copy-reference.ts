import { TenfoldError } from '../../core/errors.ts'
import type { DatabaseConnection } from '../../sql/database.ts'
import type { Transaction } from '../../sql/transaction.ts'
import { SCHEMA } from '../guard.ts'
import type { ReferenceTable } from './guard-reference.ts'
import { referenceTables } from './guard-reference.ts'

/*
 * Reference tables are small, so they are compared and copied whole: what they have on the first shard is right, and what is
 * different on another one, for whatever reason, is made the same in one transaction there. So nothing has to be remembered
 * of what was copied before, and no shard stays different unnoticed.
 *
 * Whoever copies holds a lock on the first shard from before he reads until all have what he read: an older copy never
 * comes after a newer one.
 */

/** What came of it. */
export interface ReferenceCopy {
  /** Tables that were different on a shard, and now are not. */
  readonly copied: readonly { readonly table: string; readonly shard: number }[]
  /** By shard that was not reached, or would not take them. */
  readonly failures: ReadonlyMap<number, Error>
}

/** Above this a table is no reference table. */
export const REFERENCE_ROWS_MAX = 100_000

type Shard = Pick<DatabaseConnection, 'query' | 'transaction'>

/**
 * Makes reference tables the same on all shards, as their owner or a superuser.
 *
 * @param tables as in the blueprint: `country`, `public.country`
 * @throws TF_SHARD_REFERENCE_INVALID a table is too large, or has no primary key
 * @throws what the first shard says
 */
export async function copyReference(shards: readonly Shard[], tables: readonly string[]): Promise<ReferenceCopy> {
  const [first, ...others] = shards
  if (first === undefined || tables.length === 0) return { copied: [], failures: new Map() }
  return first.transaction(async (tx) => {
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('${SCHEMA}.reference', 0))`)
    const copied: { table: string; shard: number }[] = []
    const failures = new Map<number, Error>()
    for (const table of await referenceTables(tx, tables)) {
      const digest = await digestOf(tx, table)
      for (const [index, other] of others.entries()) {
        const shard = index + 1
        if (failures.has(shard)) continue
        try {
          const isCopied = await makeSame(other, table, digest, () => rowsOf(tx, table))
          if (isCopied) copied.push({ table: table.quoted, shard })
        } catch (error) {
          failures.set(shard, error as Error)
        }
      }
    }
    return { copied, failures }
  })
}

type Reader = Pick<Transaction<unknown>, 'query'>

/** Of all rows, in any order. */
async function digestOf(reader: Reader, { quoted, columns, primaryKey }: ReferenceTable): Promise<string> {
  const row = `row(${columns.join(', ')})::text`
  const { rows } = await reader.query<{ count: number; digest: string }>(
    `select count(*)::int as count, concat(count(*), ':', sum(hashtextextended(${row}, 0)::numeric)) as digest from ${quoted}`,
  )
  const { count, digest } = rows[0]!
  if (count <= REFERENCE_ROWS_MAX && primaryKey.length > 0) return digest
  throw new TenfoldError(
    'TF_SHARD_REFERENCE_INVALID',
    primaryKey.length === 0
      ? `expected the reference table ${quoted} to have a primary key`
      : `expected the reference table ${quoted} to have ${REFERENCE_ROWS_MAX} rows at most, got ${count}`,
    { hint: 'give it a primary key; what is large belongs to a shard key', details: { table: quoted, count } },
  )
}

async function rowsOf(reader: Reader, { quoted, columns }: ReferenceTable): Promise<string> {
  const { rows } = await reader.query<{ rows: string }>(
    `select coalesce(json_agg(t), '[]')::text as rows from (select ${columns.join(', ')} from ${quoted}) t`,
  )
  return rows[0]!.rows
}

/** @returns whether it was different */
async function makeSame(
  shard: Shard,
  table: ReferenceTable,
  digest: string,
  read: () => Promise<string>,
): Promise<boolean> {
  const { quoted, columns, settable, primaryKey } = table
  const isSameRow = primaryKey.map((column) => `given.${column} = its.${column}`).join(' and ')
  const rest = settable.filter((column) => !primaryKey.includes(column))
  const change =
    rest.length === 0
      ? 'nothing'
      : `update set ${rest.map((column) => `${column} = excluded.${column}`).join(', ')}
         where row(${rest.map((column) => `its.${column}`).join(', ')}) is distinct from
           row(${rest.map((column) => `excluded.${column}`).join(', ')})`
  const given = `json_populate_recordset(null::${quoted}, $1)`
  return shard.transaction(async (tx) => {
    await tx.query(STEADY)
    if ((await digestOf(tx, table)) === digest) return false
    const rows = await read()
    await tx.query(`delete from ${quoted} its where not exists (select from ${given} given where ${isSameRow})`, [rows])
    await tx.query(
      `insert into ${quoted} as its (${columns.join(', ')}) overriding system value
       select ${columns.join(', ')} from ${given} on conflict (${primaryKey.join(', ')}) do ${change}`,
      [rows],
    )
    if ((await digestOf(tx, table)) === digest) return true
    throw new TenfoldError(
      'TF_SHARD_REFERENCE_INVALID',
      `expected ${quoted} to be as on the first shard when it had been copied, but it is not`,
      { hint: 'see whether a trigger of the table changes its rows, and leave that to the first shard' },
    )
  })
}

/** The text of a value must not be another one where a server or a role has other settings. */
const STEADY = `
  select set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true),
    set_config('IntervalStyle', 'iso_8601', true), set_config('extra_float_digits', '1', true), set_config('bytea_output', 'hex', true)`
