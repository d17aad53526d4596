import type { Priority } from './queue-engine.ts'

/** An item as a handler gets it. */
export interface ReceivedItem<Item> {
  /** What was put in, as the schema of the queue gives it. */
  readonly value: Item
  /** The text of it in the queue. */
  readonly payload: string
  /** The same at each try of the same item: what makes effects elsewhere safe to repeat. */
  readonly itemId: string
  readonly key: string | undefined
  readonly priority: Priority
  readonly headers: Readonly<Record<string, string>>
  /** When it was put in, by the clock of the engine. */
  readonly enqueuedEpochMs: number
  /** Which try this is, from 1, counted over all workers. */
  readonly attempt: number
}

/** What a handler has beside the item. */
export interface ItemContext<Transaction> {
  /**
   * What is written with it happens once for each item, however often that is tried; whatever else the handler does may
   * happen again. Undefined unless the worker names a database for its `effects`.
   */
  readonly transaction: Transaction
  /**
   * Aborted when another worker may have the item (its reason has the code TF_CLAIM_LOST), when it was cancelled
   * (TF_ITEM_CANCELLED), has taken too long (TF_TIMEOUT), or when the worker can wait no longer (TF_ABORTED).
   */
  readonly signal: AbortSignal
  /** Something short about how far the work is, for people; at most one a second is kept. */
  reportProgress(progress: string): void
}

/** What to do with items; what it throws is a try that has failed. */
export type ItemHandler<Item, Transaction> =
  | {
      /** One item. */
      readonly each: (item: ReceivedItem<Item>, context: ItemContext<Transaction>) => Promise<void>
    }
  | {
      /**
       * Many items at once: all of them, or none. A batch that fails is done again item by item, so that one bad item is
       * found.
       */
      readonly batch: (items: readonly ReceivedItem<Item>[], context: ItemContext<Transaction>) => Promise<void>
    }
