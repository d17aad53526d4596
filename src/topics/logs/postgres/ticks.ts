import { SCHEMA } from './layout.ts'
import type { LogEdge, LogPosition } from './position.ts'
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

/** Where a window ends that begins at `base` and may not go beyond `end`: there, or at a tick where that is far away. */
export async function edgeBefore(
  runner: StatementRunner,
  { base, end, windowMax }: { readonly base: LogEdge; readonly end: LogEdge; readonly windowMax: number },
): Promise<LogEdge> {
  if (end.mark - base.mark <= windowMax) return end
  // Ticks of the same xmax may be earlier than base, or later than the end.
  const between = `until > pg_snapshot_xmax($1::pg_snapshot) and until < pg_snapshot_xmax($2::pg_snapshot)`
  const { rows } = await runner.query<{ snapshot: string; mark: string; slice: number }>(
    `select snapshot::text as snapshot, mark, ${firstSlice('near.snapshot')} as slice from (
       (select snapshot, mark, 1 as rank from ${SCHEMA}.tick
        where mark > $3::bigint and mark <= $4::bigint and ${between} order by mark desc limit 1)
       union all
       (select snapshot, mark, 2 from ${SCHEMA}.tick where mark > $4::bigint and ${between} order by mark limit 1)
     ) near order by rank limit 1`,
    [base.snapshot, end.snapshot, String(base.mark), String(base.mark + BigInt(windowMax))],
  )
  const [row] = rows
  return row === undefined ? end : { snapshot: row.snapshot, mark: BigInt(row.mark), slice: row.slice }
}
