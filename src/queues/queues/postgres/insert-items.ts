import assert from 'node:assert/strict'
import type { StatementRunner } from '../../../topics/topic-database.ts'
import type { Enqueued, NewItem } from '../../queue-engine.ts'
import { PRIORITIES } from '../../queue-engine.ts'
import { SCHEMA } from './schema.ts'

/** Items of one enqueue: its arrays are one message to the server. */
export const ENQUEUE_MAX = 10_000

/** An item, its queue, and what has become of it. */
export interface ItemRow {
  readonly queue: number
  /** So named for `createPublishQueue`, which takes events as well. */
  readonly event: NewItem
  isWritten: boolean
}

/** Items for a queue; nothing is written yet. */
export function itemRows(queue: number, items: readonly NewItem[]): readonly ItemRow[] {
  assert(items.length <= ENQUEUE_MAX, `expected at most ${ENQUEUE_MAX} items at once, got ${items.length}`)
  return items.map((event) => ({ queue, event, isWritten: false }))
}

/** Writes items in the order given, in one statement. One with the id of an item that waits is not written. */
export async function insertItems(runner: StatementRunner, rows: readonly ItemRow[]): Promise<void> {
  const [first] = rows
  if (first === undefined) return
  const columns = [
    rows.map(({ queue }) => queue),
    rows.map(({ event }) => event.itemId),
    rows.map(({ event }) => PRIORITIES.indexOf(event.priority)),
    rows.map(({ event: { notBefore } }) => (notBefore !== undefined && 'delayMs' in notBefore ? notBefore.delayMs : 0)),
    rows.map(({ event: { notBefore } }) =>
      notBefore !== undefined && 'epochMs' in notBefore ? notBefore.epochMs : null,
    ),
    rows.map(({ event }) => event.key ?? null),
    rows.map(({ event: { headers } }) => (headers === undefined ? null : JSON.stringify(headers))),
    rows.map(({ event }) => event.payload),
  ]
  if (rows.length === 1) {
    const values = columns.map(([value]) => value)
    first.isWritten = (await runner.query<{ is_written: boolean }>(PUT_ONE, values)).rows[0]?.is_written === true
    return
  }
  const { rows: found } = await runner.query<{ refused: string[] }>(PUT, columns)
  const refused = new Set(found[0]?.refused)
  for (const row of rows) row.isWritten = !refused.has(row.event.itemId)
}

/**
 * The same for items some of which have keys of deduplication, inside a transaction.
 *
 * @returns what has become of each
 */
export async function insertOnce(
  transaction: StatementRunner,
  queue: number,
  items: readonly NewItem[],
): Promise<readonly Enqueued[]> {
  const holders = await takeKeys(transaction, queue, items)
  const rows = itemRows(queue, items)
  const holderOf = ({ itemId, deduplicate }: NewItem): string => holders.get(deduplicate?.key) ?? itemId
  await insertItems(
    transaction,
    rows.filter(({ event }) => holderOf(event) === event.itemId),
  )
  return rows.map(({ event, isWritten }) => ({ itemId: holderOf(event), isDuplicate: !isWritten }))
}

/** Which item holds each key of deduplication: one of these, or one that was there. */
async function takeKeys(
  runner: StatementRunner,
  queue: number,
  items: readonly NewItem[],
): Promise<ReadonlyMap<string | undefined, string>> {
  const firsts = new Map<string, NewItem>()
  for (const item of items) {
    const key = item.deduplicate?.key
    if (key !== undefined && !firsts.has(key)) firsts.set(key, item)
  }
  if (firsts.size === 0) return new Map()
  // Everybody locks them in the same order.
  const wanted = [...firsts].sort(([a], [b]) => (a < b ? -1 : 1))
  const { rows } = await runner.query<{ key: string; holder: string }>(TAKE_KEYS, [
    queue,
    wanted.map(([key]) => key),
    wanted.map(([, { deduplicate }]) => (typeof deduplicate?.until === 'number' ? 'time' : deduplicate?.until)),
    wanted.map(([, { deduplicate }]) => (typeof deduplicate?.until === 'number' ? deduplicate.until : null)),
    wanted.map(([, { itemId }]) => itemId),
  ])
  return new Map(rows.map(({ key, holder }) => [key, holder]))
}

// The comments say to lanes, which only read, that these insert.
const PUT_ONE = `select ${SCHEMA}.put_one($1, $2, $3, $4, $5, $6, $7, $8) as is_written /* insert */`
const PUT = `select ${SCHEMA}.put($1, $2, $3, $4, $5, $6, $7, $8) as refused /* insert */`

const TAKE_KEYS = `
  select wish.key, ${SCHEMA}.take_key($1::int, wish.key, wish.until, wish.ms, wish.item_id) as holder
  from unnest($2::text[], $3::text[], $4::float8[], $5::uuid[]) as wish (key, until, ms, item_id)`
