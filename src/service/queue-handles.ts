import type { ItemOptions } from '../queues/enqueuer.ts'
import type { ItemHandler } from '../queues/item-handler.ts'
import type { Cancellation, Enqueued } from '../queues/queue-engine.ts'
import type { QueueRetryOptions } from '../queues/worker.ts'
import type { Duration } from '../core/duration.ts'
import type { EffectsDatabase } from '../topics/handler.ts'
import type { PublishTransaction } from './topic-handles.ts'

/** Puts items into a queue. */
export interface EnqueuerHandle<Item> {
  /**
   * Puts one item in. Durable when it resolves; given a transaction of any database that the service lists, when that has
   * committed, and not at all if it does not.
   *
   * @throws TF_ITEM_INVALID it is not what the schema says, or larger than 1 MiB
   * @throws TF_OPTION_INVALID the transaction is of a database that the service does not list
   */
  enqueue(item: Item, options?: ItemOptions & { transaction?: PublishTransaction }): Promise<Enqueued>
  /** Puts several in, all or none, up to 10000: each as `enqueue` does. */
  enqueueMany(
    items: readonly { readonly item: Item; readonly options?: ItemOptions }[],
    options?: { transaction?: PublishTransaction },
  ): Promise<readonly Enqueued[]>
  /** Takes an item out that waits, and aborts the signal of one that is under way. */
  cancel(itemId: string): Promise<Cancellation>
}

/** Does the work of a queue, beside all other instances: each item is done by one of them, at least once. */
export interface WorkerHandle<Item> {
  /**
   * Calls `handler` for each item. What it throws is a try that has failed; see `retry`. Resolves when this instance takes
   * part; waits for a database that is not there.
   *
   * @throws TF_USAGE the queue has a handler already
   */
  each<Transaction = undefined>(
    handler: Extract<ItemHandler<Item, Transaction>, { each: unknown }>['each'],
    options?: WorkOptions<Transaction>,
  ): Promise<void>
  /** Calls `handler` for many items at once: all of them are done, or none. Otherwise as `each`. */
  batch<Transaction = undefined>(
    handler: Extract<ItemHandler<Item, Transaction>, { batch: unknown }>['batch'],
    options?: WorkOptions<Transaction>,
  ): Promise<void>
}

export interface WorkOptions<Transaction = undefined> {
  /**
   * A database of the service. What the handler writes with `context.transaction` happens once for each item, however often
   * it is tried. @default none: each item is done at least once
   */
  effects?: EffectsDatabase<Transaction>
  /** Calls of the handler at once in this process. @default 8; of a batch handler 1 */
  concurrency?: number
  /** Items in one call of a batch handler. At most 10000. @default 100 */
  batchMax?: number
  /** A call that takes longer has failed: its signal is aborted, and its transaction rolled back. @default no limit */
  timeout?: Duration
  /** How often an item is tried, and what becomes of it then. @default ten times, then a dead letter */
  retry?: QueueRetryOptions
}
