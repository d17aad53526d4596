import type { StatementRunner, TopicDatabase } from '../../topic-database.ts'
import { registerGroup } from './group-catalog.ts'
import { isIncarnation } from './incarnation.ts'
import { SCHEMA } from './schema-name.ts'
import type { LogEdge, LogPosition, PositionRow } from './position.ts'
import { BEGINNING, POSITION_COLUMNS, positionOf, positionValues } from './position.ts'
import { presentPosition } from './ticks.ts'
import type { CatalogTopic } from './topic-catalog.ts'
import { IS_DRAINED, ITS_TOPIC } from './topic-end.ts'

/*
 * The protocol of groups. For each group and partition `progress` has rows numbered by `seq`; the last one counts. It says
 * how far the group is, who owns the partition, and until when nobody else may take it (by the clock of the database).
 *
 * Whoever changes something writes the row with the next number: the owner, to commit, to keep its lease or to give back;
 * anybody, to take what nobody owns or whose lease has run out. The primary key lets one of them do it. So an owner that
 * was paused can commit only if nobody has taken the partition meanwhile, and a transaction that was to commit together
 * with its progress fails with it. No row is updated, so that a snapshot held for hours does not slow down the reading of
 * the last one.
 */

/** One group on one partition. */
export interface ProgressPlace {
  readonly consumer: number
  readonly partition: number
}

/** The last row, as far as its owner needs it. */
export interface ProgressRow {
  readonly seq: bigint
  readonly epoch: number
  readonly position: LogPosition
  /** Events that the group has finished on the partition. */
  readonly done: bigint
  /** Of the server, when the partition was taken; see `incarnation.ts`. */
  readonly incarnation: string
}

/** The row of one who has taken a partition, and what it must know of the topic. */
export interface TakenRow extends ProgressRow {
  /** What is not visible there is read in another log; see `move-topic.ts`. */
  readonly end: LogEdge | undefined
  readonly mayRepeat: boolean
}

/** What the owner writes; without `owner` it gives the partition back. */
export interface ProgressChange extends ProgressRow {
  readonly owner: string | undefined
  readonly leaseMs: number
}

/** The id of a group, which is made if it is new, with its progress on each partition. */
export async function ensureGroup(
  database: TopicDatabase,
  topic: CatalogTopic,
  { group, from = 'beginning' }: { readonly group: string; readonly from?: 'beginning' | 'now' | undefined },
): Promise<number> {
  const consumer = await registerGroup(database, topic, group)
  const { rows } = await database.query<{ some: boolean }>(
    `select exists (select from ${SCHEMA}.progress where consumer = $1) as some`,
    [consumer],
  )
  if (rows[0]?.some === true) return consumer
  await database.transaction(async (tx) => {
    const start = from === 'now' ? await presentPosition(tx) : BEGINNING
    // Another member may be faster.
    await tx.query(
      `insert into ${SCHEMA}.progress (consumer, partition, seq, epoch, lease_until, done, ${POSITION_COLUMNS})
       select $1::int, partition, 1, 0, '-infinity', 0, $3::pg_snapshot, $4::bigint, $5::int, $6::pg_snapshot,
         $7::bigint, $8::int, $9::bigint
       from generate_series(0, $2::int - 1) partition
       on conflict do nothing`,
      [consumer, topic.partitions, ...positionValues(start)],
    )
  })
  return consumer
}

/**
 * Takes a partition that nobody else owns any more; undefined if somebody does, or was faster, or the server crashed, or if
 * it is read to the end of its topic. What it says of the topic is true as long as the partition is held: whoever changes
 * that writes a row, too.
 */
export async function takePartition(
  runner: StatementRunner,
  { consumer, partition }: ProgressPlace,
  { owner, leaseMs, incarnation }: { readonly owner: string; readonly leaseMs: number; readonly incarnation: string },
): Promise<TakenRow | undefined> {
  const { rows } = await runner.query<TakenColumns>(
    `with last as (
       select progress.*, its.end_base, its.end_mark, its.end_slice, its.move = 'returned' as may_repeat,
         ${IS_DRAINED} as is_drained
       from ${SCHEMA}.progress ${ITS_TOPIC}
       where consumer = $1 and partition = $2 order by seq desc limit 1
     ), written as (
       insert into ${SCHEMA}.progress
         (consumer, partition, seq, epoch, owner, lease_until, done, ${POSITION_COLUMNS})
       select consumer, partition, seq + 1, epoch + 1, $3, ${leaseEnd('$4')}, done, ${POSITION_COLUMNS} from last
       where not is_drained and (owner is null or owner = $3 or lease_until < clock_timestamp()) and ${isIncarnation('$5')}
       on conflict do nothing
       returning seq, epoch, done, base::text, mark, slice, target::text, target_mark, target_slice, after_id
     )
     select written.*, last.end_base::text, last.end_mark, last.end_slice, last.may_repeat from written, last`,
    [consumer, partition, owner, leaseMs, incarnation],
  )
  const [row] = rows
  if (row === undefined) return undefined
  const { end_base: snapshot, end_mark: mark, end_slice: slice } = row
  return {
    seq: BigInt(row.seq),
    epoch: row.epoch,
    done: BigInt(row.done),
    position: positionOf(row),
    incarnation,
    end: snapshot === null ? undefined : { snapshot, mark: BigInt(mark ?? 0), slice: slice ?? 0 },
    mayRepeat: row.may_repeat,
  }
}

interface TakenColumns extends PositionRow {
  readonly seq: string
  readonly epoch: number
  readonly done: string
  readonly end_base: string | null
  readonly end_mark: string | null
  readonly end_slice: number | null
  readonly may_repeat: boolean
}

/**
 * Writes the row that comes after the owner's last; false if the partition is another's by now, or the position may be of
 * no use because the server has crashed. Inside a transaction it
 * waits for whoever writes the same row, and sees only what was committed before it began if the transaction says so:
 * use it in transactions that read what is committed.
 */
export async function writeProgress(
  runner: StatementRunner,
  { consumer, partition }: ProgressPlace,
  change: ProgressChange,
): Promise<boolean> {
  // The row before it has to be there: a primary that took over without the last commits has not got it.
  const { rowCount } = await runner.query(
    `insert into ${SCHEMA}.progress
       (consumer, partition, seq, epoch, owner, lease_until, done, ${POSITION_COLUMNS})
     select consumer, partition, seq + 1, $4::int, $5::text, ${leaseEnd('$6')}, $7::bigint, $8::pg_snapshot, $9::bigint,
       $10::int, $11::pg_snapshot, $12::bigint, $13::int, $14::bigint
     from ${SCHEMA}.progress where consumer = $1 and partition = $2 and seq = $3 and ${isIncarnation('$15')}
     on conflict do nothing`,
    [
      consumer,
      partition,
      String(change.seq - 1n),
      change.epoch,
      change.owner ?? null,
      change.leaseMs,
      String(change.done),
      ...positionValues(change.position),
      change.incarnation,
    ],
  )
  return rowCount === 1
}

function leaseEnd(ms: string): string {
  return `clock_timestamp() + make_interval(secs => ${ms}::float8 / 1000)`
}
