import type { Engine } from './engine.ts'

/** Work to be done: each item by one of many workers, once or, if it fails, again. */
export interface WorkQueue<Item = unknown, DatabaseName extends string = string> extends Engine<
  'postgres' | 'rabbitmq'
> {
  /**
   * Type of the items: a Standard Schema (zod), which is checked where they are put in and where they are done, or
   * `shape<Item>()`, which is not.
   * @default unknown
   * @example item: shape<Email>()
   */
  item?: Item
  /**
   * The database that holds the items; it has no shards.
   * @default the first of the blueprint that has no shards
   * @example database: 'orders'
   */
  database?: DatabaseName
  /**
   * How many items may be under way at once, over all instances.
   * @default as many as the workers take
   * @example concurrency: 20
   */
  concurrency?: number
  /**
   * How many items with the same `key` may be under way at once; others of the key wait, and items of other keys go on.
   * @default no limit
   * @example concurrencyPerKey: 1
   */
  concurrencyPerKey?: number
}
