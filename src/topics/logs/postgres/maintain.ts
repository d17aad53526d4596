import type { TopicDatabase, TopicTransaction } from '../../topic-database.ts'
import { isServerError } from '../../../sql/sql-failure.ts'
import { addSlice, SCHEMA, sliceTable } from './layout.ts'

/** How long things are kept. */
export interface MaintainOptions {
  /** A slice is closed when it is this old. @default an hour */
  readonly sliceMs?: number
  /** A slice is dropped this long after it was closed, if every group has read it. @default a week */
  readonly retentionMs?: number
  /** A slice is sealed this long after it was closed: what a transaction publishes into it later is refused. @default a minute */
  readonly graceMs?: number
}

/** What one round has done. */
export interface MaintainReport {
  readonly opened: readonly number[]
  readonly sealed: readonly number[]
  readonly dropped: readonly number[]
  /** Slices that are old enough to be dropped, and who has not read them or is in the way. */
  readonly held: readonly { readonly slice: number; readonly by: string }[]
}

/** Nobody waits longer than this because a slice is to be sealed or dropped; it is tried again in the next round. */
const LOCK_TIMEOUT_MS = 50
/** Old rows of `progress` that are kept for each partition. */
const PROGRESS_KEPT = 100

/**
 * One round of housekeeping: opens, seals and drops slices, forgets old progress. For one process of the system to call
 * every minute or so, as the owner of the database. While nobody does, the last slice grows; nothing else suffers.
 */
export async function maintainLog(
  database: TopicDatabase,
  { sliceMs = 3_600_000, retentionMs = 604_800_000, graceMs = 60_000 }: MaintainOptions = {},
): Promise<MaintainReport> {
  const opened = await openSlice(database, sliceMs)
  const sealed: number[] = []
  const dropped: number[] = []
  const held: { slice: number; by: string }[] = []
  for (const number of await slicesWhere(database, `sealed is null and closed_at <= $1::timestamptz`, graceMs)) {
    if (await withShortLock(database, (tx) => seal(tx, number))) sealed.push(number)
  }
  const oldest = await readSlowest(database)
  for (const number of await slicesWhere(
    database,
    `sealed is not null and closed_at <= $1::timestamptz`,
    retentionMs,
  )) {
    if (oldest !== undefined && oldest.slice <= number) held.push({ slice: number, by: `group ${oldest.group}` })
    else if (await withShortLock(database, (tx) => drop(tx, number))) dropped.push(number)
    else held.push({ slice: number, by: 'a transaction that has published and is still open' })
  }
  await forget(database, retentionMs)
  return { opened, sealed, dropped, held }
}

async function openSlice(database: TopicDatabase, sliceMs: number): Promise<readonly number[]> {
  return database.transaction(async (tx) => {
    // Of two that find the slice old, the second finds it new.
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('${SCHEMA}', 0))`)
    const { rows } = await tx.query<{ number: number }>(
      `select number from ${SCHEMA}.slice where closed_at is null
       and opened_at <= clock_timestamp() - make_interval(secs => $1::float8 / 1000)`,
      [sliceMs],
    )
    const [last] = rows
    if (last === undefined) return []
    await tx.query(addSlice(last.number + 1))
    await tx.query(`update ${SCHEMA}.slice set closed_at = clock_timestamp() where number = $1`, [last.number])
    return [last.number + 1]
  })
}

async function slicesWhere(database: TopicDatabase, condition: string, ageMs: number): Promise<readonly number[]> {
  const since = `clock_timestamp() - make_interval(secs => $1::float8 / 1000)`
  const { rows } = await database.query<{ number: number }>(
    `select number from ${SCHEMA}.slice where ${condition.replace('$1::timestamptz', since)} order by number`,
    [ageMs],
  )
  return rows.map(({ number }) => number)
}

/**
 * The lock waits for everybody who has written into the slice to end. From then on the constraint refuses whoever still
 * takes the slice for the present one, as a transaction with an old snapshot does: an error for it, where readers that
 * have gone on would never have looked again.
 */
async function seal(tx: TopicTransaction, number: number): Promise<void> {
  await tx.query(`alter table ${sliceTable(number)} add constraint sealed check (false) not valid`)
  await tx.query(`update ${SCHEMA}.slice set sealed = pg_current_snapshot() where number = $1`, [number])
}

async function drop(tx: TopicTransaction, number: number): Promise<void> {
  await tx.query(`drop table ${sliceTable(number)}`)
  await tx.query(`delete from ${SCHEMA}.slice where number = $1`, [number])
}

/** False if somebody was in the way. */
async function withShortLock(database: TopicDatabase, work: (tx: TopicTransaction) => Promise<void>): Promise<boolean> {
  try {
    await database.transaction(async (tx) => {
      await tx.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`)
      await work(tx)
    })
    return true
  } catch (error) {
    if (isServerError(error) && error.code === '55P03') return false
    throw error
  }
}

/** The group that has most left to read, and its first slice. */
async function readSlowest(database: TopicDatabase): Promise<{ slice: number; group: string } | undefined> {
  const { rows } = await database.query<{ slice: number; group: string }>(`
    select last.slice, member.name as group from ${SCHEMA}.consumer_group member
    join ${SCHEMA}.topic on topic.id = member.topic
    cross join lateral generate_series(0, topic.partitions - 1) as partition
    cross join lateral (
      select slice from ${SCHEMA}.progress
      where consumer = member.id and progress.partition = partition.partition order by seq desc limit 1
    ) last
    order by last.slice limit 1`)
  return rows[0]
}

async function forget(database: TopicDatabase, retentionMs: number): Promise<void> {
  // Readers look at the last row only, from the end of the index, so that rows on their way out cost them nothing.
  await database.query(
    `delete from ${SCHEMA}.progress old using (
       select consumer, partition, max(seq) as seq from ${SCHEMA}.progress group by consumer, partition
     ) last
     where old.consumer = last.consumer and old.partition = last.partition and old.seq <= last.seq - $1::int`,
    [PROGRESS_KEPT],
  )
  await database.query(
    `delete from ${SCHEMA}.tick where at < clock_timestamp() - make_interval(secs => $1::float8 / 1000)`,
    [retentionMs],
  )
  await database.query(`delete from ${SCHEMA}.member where seen_at < clock_timestamp() - interval '1 hour'`)
}
