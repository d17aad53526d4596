import { createHash } from 'node:crypto'
import type { StatementRunner, TopicDatabase } from './topic-database.ts'
import { isServerError } from '../sql/sql-failure.ts'
import { INBOX_RING, inboxTable, SCHEMA } from './logs/postgres/layout.ts'
import type { StoredEvent } from './topic-log.ts'

const DAY_MS = 86_400_000
/** Days for which a second delivery is known as one; more than any log keeps events. */
const DAYS_KEPT = 8

/**
 * Notes, in the transaction that has their effects, which events a group has done, and gives those that it has not. An event
 * that another transaction is just doing is waited for. So each has its effects once, however often it is delivered
 * within eight days of its publishing.
 */
export async function onlyNew<Event extends Pick<StoredEvent, 'messageId' | 'publishedEpochMs'>>(
  transaction: StatementRunner,
  group: string,
  events: readonly Event[],
): Promise<readonly Event[]> {
  if (events.length === 0) return []
  const { rows } = await transaction.query<{ message_id: string }>(
    `insert into ${SCHEMA}.inbox (ring, group_name, message_id)
     select ring, $1, message_id from unnest($2::smallint[], $3::uuid[]) event (ring, message_id)
     on conflict do nothing returning message_id`,
    [group, events.map(({ publishedEpochMs }) => ringOf(publishedEpochMs)), events.map(({ messageId }) => messageId)],
  )
  const fresh = new Set(rows.map((row) => row.message_id))
  // The same event may be there twice.
  return events.filter(({ messageId }) => fresh.delete(messageId))
}

/**
 * Notes, in a transaction at 'read committed', something that a sender outside calls by this id; false if it was noted in
 * the last eight days. Whoever notes the same at the same time is waited for.
 */
export async function isFirst(transaction: StatementRunner, group: string, id: string): Promise<boolean> {
  await transaction.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`${group}/${id}`])
  const { rowCount } = await transaction.query(
    `insert into ${SCHEMA}.inbox (ring, group_name, message_id)
     select floor(extract(epoch from clock_timestamp()) / 86400)::int % ${INBOX_RING}, $1, $2::uuid
     where not exists (select from ${SCHEMA}.inbox where group_name = $1 and message_id = $2::uuid)`,
    [group, createHash('sha256').update(id).digest('hex').slice(0, 32)],
  )
  return rowCount === 1
}

/**
 * Empties the tables of days long past. For one process of the system to call now and then, as the owner of the database;
 * where nobody does, they grow, and nothing else suffers.
 */
export async function maintainInbox(database: TopicDatabase): Promise<void> {
  const { rows } = await database.query<{ day: number }>(
    `select floor(extract(epoch from clock_timestamp()) / 86400)::int as day`,
  )
  const today = rows[0]?.day ?? 0
  for (let ago = DAYS_KEPT; ago < INBOX_RING - 1; ago++) {
    const table = inboxTable((today - ago) % INBOX_RING)
    const { rows: found } = await database.query<{ some: boolean }>(`select exists (select from ${table}) as some`)
    if (found[0]?.some === true) await truncate(database, table)
  }
}

async function truncate(database: TopicDatabase, table: string): Promise<void> {
  try {
    await database.transaction(async (tx) => {
      await tx.query(`set local lock_timeout = '50ms'`)
      await tx.query(`truncate ${table}`)
    })
  } catch (error) {
    // Somebody uses it: the next round will do.
    if (!isServerError(error) || error.code !== '55P03') throw error
  }
}

function ringOf(publishedEpochMs: number): number {
  return Math.floor(publishedEpochMs / DAY_MS) % INBOX_RING
}
