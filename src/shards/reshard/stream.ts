import type { Clock } from '../../core/clock.ts'
import { sleep } from '../../core/clock.ts'
import { TenfoldError } from '../../core/errors.ts'
import { SCHEMA } from '../guard.ts'
import { waitingForOthers } from './in-the-way.ts'
import type { ShardDatabase } from '../shard-layout.ts'

/*
 * Replication of some buckets from one shard to another: a publication and a slot on the one, a subscription on the other,
 * all of one name. The slot is made on its own, so that each part can be made, or found, by itself.
 */

/** Name of all parts of the stream of a move in one of its turns. */
export function streamName(move: number, turn: number): string {
  return `tenfold_move_${move}_${turn}`
}

/** What a stream brings. */
export interface Published {
  readonly name: string
  readonly move: number
  readonly turn: number
  /** Quoted. */
  readonly tables: readonly string[]
  /** Condition that a row has to meet. */
  readonly filter: string
}

/** Makes the publication and the slot, in the place of those that there may be. What is committed from now on comes. */
export async function publishStream(
  from: ShardDatabase,
  { name, move, turn, tables, filter }: Published,
): Promise<void> {
  const marks = `${SCHEMA}.mark where (move = ${move} and turn = ${turn})`
  const all = [...tables.map((table) => `${table} where (${filter})`), marks]
  await from.transaction(async (tx) => {
    await tx.query(`drop publication if exists ${name}`)
    // Not what truncates: it has no filter.
    await tx.query(
      `create publication ${name} for table ${all.join(', ')}
       with (publish = 'insert, update, delete', publish_via_partition_root = true)`,
    )
  })
  await waitingForOthers(from, () =>
    from.transaction(async (tx) => {
      // It waits for every transaction that has written something.
      await tx.query(`select set_config('lock_timeout', '${SLOT_WAIT_MS}ms', true)`)
      await tx.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [name])
    }),
  )
}

const SLOT_WAIT_MS = 10_000

/**
 * Begins to apply what a stream brings.
 *
 * @param options.isCopy with the rows that are there already
 * @param options.isOwn only what was not itself brought by replication, so that nothing goes round
 */
export async function subscribe(
  to: ShardDatabase,
  {
    name,
    url,
    isCopy,
    isOwn,
  }: { readonly name: string; readonly url: string; readonly isCopy: boolean; readonly isOwn: boolean },
): Promise<void> {
  const settings = {
    create_slot: false,
    slot_name: `'${name}'`,
    copy_data: isCopy,
    origin: isOwn ? 'none' : 'any',
    streaming: 'parallel',
  }
  const all = Object.entries(settings).map(([key, value]) => `${key} = ${value}`)
  await to.query(`create subscription ${name} connection ${literal(url)} publication ${name} with (${all.join(', ')})`)
}

/** Where the applying side of a stream is. */
export interface StreamState {
  /** Tables that are still copied. */
  readonly copying: number
  readonly tables: number
  /** Rows of those that are copied now. */
  readonly copiedRows: number
  /** Errors on applying since it began: it tries again and again. */
  readonly errors: number
  readonly url: string
}

/** Undefined where there is none. */
export async function streamState(to: ShardDatabase, name: string): Promise<StreamState | undefined> {
  const { rows } = await to.query<StreamState>(
    `select s.subconninfo as url,
       (select count(*) from pg_subscription_rel r where r.srsubid = s.oid and r.srsubstate <> 'r')::int as copying,
       (select count(*) from pg_subscription_rel r where r.srsubid = s.oid)::int as tables,
       coalesce((select sum(p.tuples_processed) from pg_stat_progress_copy p
          join pg_stat_subscription w on w.pid = p.pid where w.subid = s.oid), 0)::float8 as "copiedRows",
       (select t.apply_error_count + t.sync_error_count from pg_stat_subscription_stats t where t.subid = s.oid)::int as errors
     from pg_subscription s where s.subname = $1 and s.subdbid = (select oid from pg_database where datname = current_database())`,
    [name],
  )
  return rows[0]
}

/** Says where the other side is now. */
export async function reconnectStream(to: ShardDatabase, name: string, url: string): Promise<void> {
  await to.query(`alter subscription ${name} connection ${literal(url)}`)
}

/** Whether the slot keeps what is still needed. */
export async function isSlotGood(from: ShardDatabase, name: string): Promise<boolean> {
  const { rows } = await from.query(
    `select 1 from pg_replication_slots where slot_name = $1 and wal_status <> 'lost'`,
    [name],
  )
  return rows.length > 0
}

/**
 * Removes every part of a stream that there is, slots above all: they would keep the log for ever. Both sides are needed, since
 * the applying one knows the names of the slots that its copies have. Repeating it changes nothing.
 */
export async function dropStream(from: ShardDatabase, to: ShardDatabase, name: string, clock: Clock): Promise<void> {
  const { rows } = await to.query<{ slots: string }>(
    `select format('pg\\_%s\\_sync\\_%%\\_%s', s.oid, (select system_identifier from pg_control_system())) as slots
     from pg_subscription s where s.subname = $1`,
    [name],
  )
  if (rows[0] !== undefined) await to.query(`alter subscription ${name} disable`)
  await dropSlots(from, [name, rows[0]?.slots ?? name], clock)
  if (rows[0] !== undefined) {
    await to.transaction(async (tx) => {
      await tx.query(`alter subscription ${name} set (slot_name = none)`)
      await tx.query(`drop subscription ${name}`)
    })
  }
  // Copies that began while it was disabled may have made one more.
  await dropSlots(from, [name, rows[0]?.slots ?? name], clock)
  await from.query(`drop publication if exists ${name}`)
}

const DROP_TRIES_MAX = 100
const DROP_PAUSE_MS = 50

/** Drops the slot of this name, and those of copies, by a pattern. */
export async function dropSlots(
  from: ShardDatabase,
  [name, copies]: readonly [name: string, copies: string],
  clock: Clock,
): Promise<void> {
  for (let attempt = 0; attempt < DROP_TRIES_MAX; attempt++) {
    const { rows } = await from.query<{ slot: string; pid: number | null }>(
      `select slot_name as slot, active_pid as pid from pg_replication_slots where slot_name = $1 or slot_name like $2`,
      [name, copies],
    )
    if (rows.length === 0) return
    for (const { slot, pid } of rows) {
      await from.transaction(async (tx) => {
        await tx.query(
          pid === null
            ? `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active`
            : `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active`,
          [slot],
        )
      })
    }
    await sleep(clock, DROP_PAUSE_MS)
  }
  throw new TenfoldError('TF_MOVE_BLOCKED', `expected to drop the replication slot ${name}, but somebody uses it`, {
    hint: `see who: select * from pg_replication_slots where slot_name = '${name}'`,
    details: { slot: name },
  })
}

/** Which history the log of a primary is of: another after each failover. */
export async function timelineOf(database: Pick<ShardDatabase, 'query'>): Promise<number> {
  const { rows } = await database.query<{ timeline: string }>(
    'select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline',
  )
  return Number.parseInt(rows[0]?.timeline ?? '', 16)
}

/** Puts a mark into the stream, behind everything that is committed. */
export async function putMark(from: Pick<ShardDatabase, 'query'>, move: number, turn: number): Promise<string> {
  const { rows } = await from.query<{ number: string }>(
    `insert into ${SCHEMA}.mark (move, turn) values ($1, $2) returning number::text as number`,
    [move, turn],
  )
  return rows[0]?.number as string
}

/** Whether everything before the mark has come. */
export async function hasMark(
  to: Pick<ShardDatabase, 'query'>,
  move: number,
  turn: number,
  mark: string,
): Promise<boolean> {
  const { rows } = await to.query(`select 1 from ${SCHEMA}.mark where move = $1 and turn = $2 and number = $3`, [
    move,
    turn,
    mark,
  ])
  return rows.length > 0
}

function literal(text: string): string {
  return text.includes('\\')
    ? ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`
}
