import assert from 'node:assert/strict'
import type { StatementRunner } from '../../../topics/topic-database.ts'
import type { Enqueued, NewItem } from '../../queue-engine.ts'
import { PRIORITIES } from '../../queue-engine.ts'
import { SCHEMA } from './schema.ts'

/** Items of one enqueue: its arrays are one message to the server. */
export const ENQUEUE_MAX = 10_000

/**
 * Writes items in the order given, in one statement, and one more if there are keys of deduplication: inside a transaction
 * then. An item with the id of one that waits is a duplicate of it.
 */
export async function insertItems(
  runner: StatementRunner,
  queue: number,
  items: readonly NewItem[],
): Promise<readonly Enqueued[]> {
  if (items.length === 0) return []
  assert(items.length <= ENQUEUE_MAX, `expected at most ${ENQUEUE_MAX} items at once, got ${items.length}`)
  const holders = await takeKeys(runner, queue, items)
  const mine = items.filter(({ itemId, deduplicate }) => (holders.get(deduplicate?.key) ?? itemId) === itemId)
  const written = new Set(mine.length === 0 ? [] : await insert(runner, queue, mine))
  return items.map(({ itemId, deduplicate }) => ({
    itemId: holders.get(deduplicate?.key) ?? itemId,
    isDuplicate: !written.delete(itemId),
  }))
}

async function insert(runner: StatementRunner, queue: number, items: readonly NewItem[]): Promise<readonly string[]> {
  const [first] = items
  if (items.length === 1 && first !== undefined) {
    const { itemId, notBefore = NOW, priority, key = null, headers, payload } = first
    const due = ['delayMs' in notBefore ? notBefore.delayMs : 0, 'epochMs' in notBefore ? notBefore.epochMs : null]
    const text = headers === undefined ? null : JSON.stringify(headers)
    const values = [queue, itemId, PRIORITIES.indexOf(priority), ...due, key, text, payload]
    return (await runner.query<{ item_id: string }>(INSERT_ONE, values)).rows.map((row) => row.item_id)
  }
  const { rows } = await runner.query<{ item_id: string }>(INSERT, [
    queue,
    items.map(({ itemId }) => itemId),
    items.map(({ priority }) => PRIORITIES.indexOf(priority)),
    items.map(({ notBefore }) => (notBefore !== undefined && 'delayMs' in notBefore ? notBefore.delayMs : 0)),
    items.map(({ notBefore }) => (notBefore !== undefined && 'epochMs' in notBefore ? notBefore.epochMs : null)),
    items.map(({ key }) => key ?? null),
    items.map(({ headers }) => (headers === undefined ? null : JSON.stringify(headers))),
    items.map(({ payload }) => payload),
  ])
  return rows.map((row) => row.item_id)
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

const NOW = { delayMs: 0 }
const COLUMNS = 'queue, item_id, priority, run_at, due_at, key, headers, payload'

/** Not earlier than now: whoever wants something long since must not overtake those who have been waiting. */
function dueAt(delayMs: string, epochMs: string): string {
  return `(select greatest(clock_timestamp() + make_interval(secs => ${delayMs} / 1000), to_timestamp(${epochMs} / 1000)) as at) due`
}

/** Arrays of one would be planned twice as long as it takes to write the row. */
const INSERT_ONE = `
  insert into ${SCHEMA}.waiting (${COLUMNS}) select $1::int, $2::uuid, $3::smallint, due.at, due.at, $6, $7, $8
  from ${dueAt('$4::float8', '$5::float8')} on conflict do nothing returning item_id`

const INSERT = `
  insert into ${SCHEMA}.waiting (${COLUMNS}) select $1::int, item_id, priority, due.at, due.at, key, headers, payload
  from unnest($2::uuid[], $3::smallint[], $4::float8[], $5::float8[], $6::text[], $7::text[], $8::text[])
    as item (item_id, priority, delay_ms, epoch_ms, key, headers, payload)
  cross join lateral ${dueAt('delay_ms', 'epoch_ms')} on conflict do nothing returning item_id`

const TAKE_KEYS = `
  select wish.key, ${SCHEMA}.take_key($1::int, wish.key, wish.until, wish.ms, wish.item_id) as holder
  from unnest($2::text[], $3::text[], $4::float8[], $5::uuid[]) as wish (key, until, ms, item_id)`
