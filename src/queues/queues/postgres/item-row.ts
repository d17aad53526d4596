import type { DeadItem } from '../../dead-items.ts'
import type { StoredItem } from '../../queue-engine.ts'
import { PRIORITIES } from '../../queue-engine.ts'

/** An item as `itemColumns` gives it. */
export interface ItemRow {
  readonly item_id: string
  readonly priority: number
  readonly attempts: number
  readonly earlier_attempts: number
  readonly enqueued_ms: number
  readonly due_ms: number
  readonly key: string | null
  readonly headers: string | null
  readonly payload: string
}

/** What a statement has to select, from a table with this alias. */
export function itemColumns(alias: string): string {
  const plain = ['item_id', 'priority', 'attempts', 'earlier_attempts', 'key', 'headers', 'payload']
  const ms = (column: string): string => `extract(epoch from ${alias}.${column}_at)::float8 * 1000 as ${column}_ms`
  return [...plain.map((column) => `${alias}.${column}`), ms('enqueued'), ms('due')].join(', ')
}

export function itemOf(row: ItemRow): StoredItem {
  return {
    itemId: row.item_id,
    payload: row.payload,
    priority: PRIORITIES[row.priority] ?? 'normal',
    headers: row.headers === null ? {} : (JSON.parse(row.headers) as Record<string, string>),
    key: row.key ?? undefined,
    enqueuedEpochMs: row.enqueued_ms,
    dueEpochMs: row.due_ms,
  }
}

/** A row of `dead`. */
export interface DeadRow extends ItemRow {
  readonly cause: string
  readonly failed_ms: number
}

export function deadItemOf(row: DeadRow): DeadItem {
  return {
    ...itemOf(row),
    attempts: row.earlier_attempts + row.attempts,
    cause: row.cause,
    failedEpochMs: row.failed_ms,
  }
}
