/** Everything that queues keep in a database is in this schema; see `layout.ts`. */
export const SCHEMA = 'tenfold_queues'

/** What an item is, in whatever table. */
export const ITEM_COLUMNS =
  'queue, priority, run_at, number, item_id, attempts, earlier_attempts, enqueued_at, due_at, key, headers, payload'
