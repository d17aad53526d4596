import { isServerError } from '../../../sql/sql-failure.ts'
import type { TopicDatabase } from '../../../topics/topic-database.ts'
import { SCHEMA } from './schema.ts'

/** @see maintainQueues */
export interface MaintainQueuesOptions {
  /** A table is written anew when it has so many rows that have left, and that the vacuum could not remove. @default 50000 */
  readonly deadMax?: number
  /** It is not if it has more rows than this: that would hold everybody up. @default 20000 */
  readonly liveMax?: number
}

/** What one round has done. */
export interface MaintainQueuesReport {
  /** Tables that were written anew. */
  readonly compacted: readonly string[]
  /** Tables where that is due, and what is in the way; they cost space, not time: readers do not look at what has left. */
  readonly held: readonly { readonly table: string; readonly by: string }[]
}

/** Nobody waits longer than this because a table is to be written anew; it is tried again in the next round. */
const LOCK_TIMEOUT_MS = 50
const TABLES = ['waiting', 'running', 'parked'] as const
/** Keys that are forgotten at once. */
const KEYS_MAX = 10_000

/**
 * One round of housekeeping, for one process of the system to call every ten seconds or so, as the owner of the database.
 * While nobody does, tables grow as long as somebody holds an old snapshot, and nothing else suffers.
 */
export async function maintainQueues(
  database: TopicDatabase,
  { deadMax = 50_000, liveMax = 20_000 }: MaintainQueuesOptions = {},
): Promise<MaintainQueuesReport> {
  const compacted: string[] = []
  const held: { table: string; by: string }[] = []
  for (const table of TABLES) {
    const { rows } = await database.query<{ dead: string }>(
      `select pg_stat_get_dead_tuples('${SCHEMA}.${table}'::regclass) as dead`,
    )
    if (Number(rows[0]?.dead ?? 0) < deadMax) continue
    const kept = await compact(database, table, liveMax)
    if (kept === undefined) held.push({ table, by: 'a transaction that has written to it and is still open' })
    else if (kept === -1) held.push({ table, by: `more than ${liveMax} items that are in it` })
    else compacted.push(table)
  }
  await forgetKeys(database)
  return { compacted, held }
}

/** Undefined if somebody was in the way. */
async function compact(database: TopicDatabase, table: string, liveMax: number): Promise<number | undefined> {
  try {
    return await database.transaction(async (tx) => {
      await tx.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`)
      const { rows } = await tx.query<{ kept: number }>(`select ${SCHEMA}.compact($1, $2) as kept`, [table, liveMax])
      return rows[0]?.kept
    })
  } catch (error) {
    if (isServerError(error) && error.code === '55P03') return undefined
    throw error
  }
}

/** Keys of deduplication that hold nothing off any more. */
async function forgetKeys(database: TopicDatabase): Promise<void> {
  const isThere = (table: string): string =>
    `exists (select from ${SCHEMA}.${table} item where item.item_id = once.item_id)`
  await database.query(
    `delete from ${SCHEMA}.once where ctid = any (array(
       select ctid from ${SCHEMA}.once
       where case until when 'time' then expires_at < clock_timestamp()
         else not (${isThere('waiting')} or ${isThere('parked')} or (until = 'finished' and ${isThere('running')})) end
       limit $1 for update skip locked))`,
    [KEYS_MAX],
  )
}
