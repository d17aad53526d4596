import { SCHEMA } from './layout.ts'
import type { LogPosition } from './position.ts'
import { BEGINNING } from './position.ts'
import type { StatementRunner } from '../../topic-database.ts'
import { firstSlice, PRESENT } from './read-functions.ts'

/**
 * Remembers the present snapshot, unless that was done within the last second or nothing has been published since. For
 * everybody to call now and then; where nobody does, groups far behind sort more than they need, and `positionAt` is coarser.
 */
export async function tick(runner: StatementRunner): Promise<void> {
  await runner.query(`
    insert into ${SCHEMA}.tick (until, snapshot, mark)
    select pg_snapshot_xmax(snapshot), snapshot, mark from (select ${PRESENT}) present
    where not exists (select from ${SCHEMA}.tick where at > clock_timestamp() - interval '1 second')
      and mark > (select coalesce(max(mark), 0) from ${SCHEMA}.tick)
    on conflict do nothing`)
}

/**
 * A position before everything that was published at this time or later; some that was published up to a second earlier
 * may be behind it, too. The beginning of the log, if that is later.
 */
export async function positionAt(runner: StatementRunner, epochMs: number): Promise<LogPosition> {
  const { rows } = await runner.query<{ snapshot: string; mark: string; slice: number }>(
    `select snapshot::text as snapshot, mark, ${firstSlice('tick.snapshot')} as slice from ${SCHEMA}.tick
     where at <= to_timestamp($1::float8 / 1000) order by at desc limit 1`,
    [epochMs],
  )
  const [row] = rows
  return row === undefined ? BEGINNING : { base: { snapshot: row.snapshot, mark: BigInt(row.mark), slice: row.slice } }
}

/** The position behind everything that is committed now. */
export async function presentPosition(runner: StatementRunner): Promise<LogPosition> {
  const { rows } = await runner.query<{ snapshot: string; mark: string; slice: number }>(
    `select snapshot::text as snapshot, mark, ${firstSlice('present.snapshot')} as slice from (select ${PRESENT}) present`,
  )
  const [row] = rows
  return row === undefined ? BEGINNING : { base: { snapshot: row.snapshot, mark: BigInt(row.mark), slice: row.slice } }
}
