import assert from 'node:assert/strict'
import type { TopicDatabase, TopicTransaction } from '../../topic-database.ts'
import { isServerError } from '../../../sql/sql-failure.ts'
import { addSlice, SCHEMA, sliceTable } from './layout.ts'
import { HOLDS_SLICES } from './topic-end.ts'

/** How long things are kept. */
export interface MaintainOptions {
  /** A slice is closed when it is this old. @default an hour */
  readonly sliceMs?: number
  /** A slice is dropped this long after it was closed, if every group has read it. @default a week */
  readonly retentionMs?: number
  /** A slice is sealed this long after it was closed: what a transaction publishes into it later is refused. @default a minute */
  readonly graceMs?: number
  /**
   * This long after it was closed a slice is dropped even if a group has not read it, and that group never will. Not less
   * than the retention. @default never: a group that was given up holds the log until `dropGroup`
   */
  readonly heldMaxMs?: number
  /** While the log is larger, its oldest sealed slices are dropped, however young and whoever has not read them. @default no limit */
  readonly bytesMax?: number
}

/** What one round has done. */
export interface MaintainReport {
  readonly opened: readonly number[]
  readonly sealed: readonly number[]
  readonly dropped: readonly number[]
  /** Slices that are old enough to be dropped, and who has not read them or is in the way. */
  readonly held: readonly { readonly slice: number; readonly by: string }[]
  /** Slices that were dropped although these groups had not read them. */
  readonly lost: readonly { readonly slice: number; readonly groups: readonly string[] }[]
}

/** Nobody waits longer than this because a slice is to be sealed or dropped; it is tried again in the next round. */
const LOCK_TIMEOUT_MS = 50
/** Old rows of `progress` that are kept for each partition. */
const PROGRESS_KEPT = 100

/**
 * One round of housekeeping: opens, seals and drops slices, forgets old progress. For one process of the system to call
 * every minute or so, as the owner of the database. While nobody does, the last slice grows; nothing else suffers.
 */
export async function maintainLog(database: TopicDatabase, options: MaintainOptions = {}): Promise<MaintainReport> {
  const { sliceMs = 3_600_000, graceMs = 60_000 } = options
  const { retentionMs = 604_800_000, heldMaxMs = Infinity, bytesMax = Infinity } = options
  assert(heldMaxMs >= retentionMs, `expected heldMaxMs to be at least retentionMs, got ${heldMaxMs} < ${retentionMs}`)
  const opened = await openSlice(database, sliceMs)
  const sealed: number[] = []
  for (const { number, isSealed, closedForMs } of await readSlices(database)) {
    if (isSealed || closedForMs < graceMs) continue
    if (await withShortLock(database, (tx) => seal(tx, number))) sealed.push(number)
  }
  const drops = await dropSlices(database, { retentionMs, heldMaxMs, bytesMax })
  await forget(database, retentionMs)
  return { opened, sealed, ...drops }
}

async function dropSlices(
  database: TopicDatabase,
  { retentionMs, heldMaxMs, bytesMax }: Required<Pick<MaintainOptions, 'retentionMs' | 'heldMaxMs' | 'bytesMax'>>,
): Promise<Pick<MaintainReport, 'dropped' | 'held' | 'lost'>> {
  const dropped: number[] = []
  const held: { slice: number; by: string }[] = []
  const lost: { slice: number; groups: readonly string[] }[] = []
  const slices = await readSlices(database)
  const readers = await readSlowest(database)
  let bytes = slices.reduce((sum, slice) => sum + slice.bytes, 0)
  for (const { number, isSealed, closedForMs, bytes: its } of slices) {
    const isTooMuch = bytes > bytesMax
    if (!isSealed || (closedForMs < retentionMs && !isTooMuch)) continue
    const groups = readers.filter(({ slice }) => slice <= number).map(({ group }) => group)
    if (groups.length > 0 && closedForMs < heldMaxMs && !isTooMuch) {
      held.push({ slice: number, by: `group ${groups.join(', ')}` })
    } else if (await withShortLock(database, (tx) => drop(tx, number))) {
      bytes -= its
      dropped.push(number)
      if (groups.length > 0) lost.push({ slice: number, groups })
    } else held.push({ slice: number, by: 'a transaction that has published and is still open' })
  }
  return { dropped, held, lost }
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

interface Slice {
  readonly number: number
  readonly isSealed: boolean
  /** Less than any time for the one that is open. */
  readonly closedForMs: number
  readonly bytes: number
}

/** From the oldest on. */
async function readSlices(database: TopicDatabase): Promise<readonly Slice[]> {
  const { rows } = await database.query<{
    number: number
    is_sealed: boolean
    closed_ms: number | null
    bytes: string
  }>(
    `select number, sealed is not null as is_sealed, pg_total_relation_size('${SCHEMA}.log_' || number) as bytes,
       extract(epoch from clock_timestamp() - closed_at)::float8 * 1000 as closed_ms
     from ${SCHEMA}.slice order by number`,
  )
  return rows.map((row) => ({
    number: row.number,
    isSealed: row.is_sealed,
    closedForMs: row.closed_ms ?? Number.NEGATIVE_INFINITY,
    bytes: Number(row.bytes),
  }))
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

/** The first slice that each group may have something to read in. */
async function readSlowest(database: TopicDatabase): Promise<readonly { slice: number; group: string }[]> {
  const { rows } = await database.query<{ slice: number; group: string }>(`
    select min(last.slice) as slice, topic.name || '/' || member.name as group from ${SCHEMA}.consumer_group member
    join ${SCHEMA}.topic on topic.id = member.topic
    cross join lateral generate_series(0, topic.partitions - 1) as partition
    cross join lateral (
      select slice from ${SCHEMA}.progress
      where consumer = member.id and progress.partition = partition.partition order by seq desc limit 1
    ) last
    where ${HOLDS_SLICES}
    group by topic.name, member.name order by 1`)
  return rows
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
