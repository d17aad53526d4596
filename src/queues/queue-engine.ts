import type { TopicDatabase, TopicTransaction } from '../topics/topic-database.ts'
import type { DeadItems } from './dead-items.ts'

/** What an engine can do beyond the rest of the contract. What it can't do it refuses with TF_QUEUE_UNSUPPORTED. */
export interface QueueCapabilities {
  /** An item can be put in by a transaction of the database that holds the queues: both happen, or neither. */
  readonly enqueuesInTransaction: boolean
  /** An item can be completed by a transaction of the database that holds the queues. */
  readonly completesInTransaction: boolean
  /** `NewItem.deduplicate`. */
  readonly deduplicates: boolean
  /** `QueueEngine.cancel`. */
  readonly cancels: boolean
  /** `QueueLimits.concurrency`, over the workers of all processes. */
  readonly limitsConcurrency: boolean
  /** `QueueLimits.concurrencyPerKey`. */
  readonly limitsKeys: boolean
  /** `QueueWorker.reportProgress`. */
  readonly reportsProgress: boolean
}

/** Items of a higher priority begin before all that wait with a lower one. */
export type Priority = 'urgent' | 'high' | 'normal' | 'low'

/** From the first to the last. */
export const PRIORITIES: readonly Priority[] = ['urgent', 'high', 'normal', 'low']

/** How much of a queue may be under way at once, over all its workers. */
export interface QueueLimits {
  /** Items. @default no limit but that of each worker */
  readonly concurrency?: number | undefined
  /** Items with the same key; others of the key wait, and items of other keys go on. @default no limit */
  readonly concurrencyPerKey?: number | undefined
}

/** Not to begin before; by the clock of the engine. */
export type NotBefore = { readonly delayMs: number } | { readonly epochMs: number }

/**
 * At most one item for each key.
 *
 * - `'begun'`: until the item that is there begins. It will begin after the enqueuing transaction of the second, so that it
 *   sees what that has written.
 * - `'finished'`: until it is done, dead or cancelled.
 * - a number of milliseconds since the first was put in, whatever has become of it.
 */
export interface Deduplication {
  readonly key: string
  readonly until: 'begun' | 'finished' | number
}

/** An item on its way to a queue: what it says is text by now. */
export interface NewItem {
  /** Stable through repetitions of the same item: workers know it by this id. A UUID. */
  readonly itemId: string
  readonly payload: string
  readonly priority: Priority
  /** Trace context and the like. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** @default at once */
  readonly notBefore?: NotBefore | undefined
  /** What `concurrencyPerKey` counts by. @default none: it is not counted */
  readonly key?: string | undefined
  readonly deduplicate?: Deduplication | undefined
}

/** What has become of an item that was to be put in. */
export interface Enqueued {
  /** Of the item in the queue: for a duplicate, of the one that was there. */
  readonly itemId: string
  readonly isDuplicate: boolean
}

/** An item of a queue. */
export interface StoredItem {
  readonly itemId: string
  readonly payload: string
  readonly priority: Priority
  readonly headers: Readonly<Record<string, string>>
  readonly key: string | undefined
  /** By the clock of the engine. */
  readonly enqueuedEpochMs: number
  /** When it was to begin first. It never changes, whatever its tries: the inbox knows the item by it. */
  readonly dueEpochMs: number
}

/** An item that one worker has, until it is finished in one way or the other, or the worker loses it. */
export interface ClaimedItem extends StoredItem {
  /** Which try this is, from 1, counted over all workers, also those that died of it. */
  readonly attempt: number
  /** Names the claim: whoever has the item later has another one. */
  readonly claim: string
  /**
   * Aborted once another worker may have the item (its reason has the code TF_CLAIM_LOST), or when it was cancelled
   * (TF_ITEM_CANCELLED).
   */
  readonly signal: AbortSignal
}

/** Why an item is to be tried again, or never. */
export interface Failure {
  readonly cause: string
  /** Tries that have failed, which the next one is counted from. */
  readonly attempts: number
}

/**
 * One worker on one queue, from `join` to `leave`. It is heard of by itself while it lives: a claim has no time of its own,
 * and work may take as long as it wants. A process that stands still for longer than the lease loses all that it has.
 *
 * Whatever finishes an item is refused when another worker may have it.
 */
export interface QueueWorker {
  /**
   * Takes the next items: of the highest priority first, within one the longest due first, roughly; `max` at most, none:
   * there are none that may begin now. An item is taken by one worker at a time.
   */
  claim(max: number): Promise<readonly ClaimedItem[]>
  /**
   * The items are done. With a transaction, if and only if that commits, so that a worker that was too slow makes its own
   * effects fail: let it be the last statement, and call nothing else for the items until it has ended.
   *
   * @returns those that another worker may have done, too: not with a transaction, which has to fail then
   * @throws TF_CLAIM_LOST with a transaction, if one of them is not this worker's any more
   */
  complete(
    items: readonly ClaimedItem[],
    options?: { readonly transaction?: TopicTransaction | undefined },
  ): Promise<readonly ClaimedItem[]>
  /** The item waits, for so long at least, and is tried again by anybody. @throws TF_CLAIM_LOST */
  retry(item: ClaimedItem, failure: Failure & { readonly afterMs: number }): Promise<void>
  /** The item is kept with its cause, and tried no more. @throws TF_CLAIM_LOST */
  bury(item: ClaimedItem, failure: Failure): Promise<void>
  /** The items were not begun: others may have them at once, as if nothing had been. Those that are lost are left alone. */
  giveBack(items: readonly ClaimedItem[]): Promise<void>
  /** Something short about how far the work is, for people; at most one a second is kept. Never rejects. */
  reportProgress(item: ClaimedItem, progress: string): void
  /**
   * Takes no more, and gives back what it still has. If that can't be said, it is free for others when the lease is over.
   * Safe to call twice.
   */
  leave(): Promise<void>
}

/** What became of a wish to cancel: `'gone'` is done, dead, cancelled, or was never there. */
export type Cancellation = 'cancelled' | 'cancelling' | 'gone'

/**
 * Work, each item done by one of many workers, at least once; once where its effects and its completion are in one
 * transaction.
 */
export interface QueueEngine {
  readonly capabilities: QueueCapabilities
  /**
   * Puts items in; they are durable when it resolves, or when the transaction has committed. All or none of them are.
   *
   * @returns one for each, in their order
   * @throws TF_QUEUE_UNKNOWN
   * @throws TF_QUEUE_UNSUPPORTED the engine can't do what an item asks for
   */
  enqueue(
    queue: string,
    items: readonly NewItem[],
    options?: { readonly transaction?: TopicTransaction | undefined },
  ): Promise<readonly Enqueued[]>
  /**
   * Begins to work on a queue.
   *
   * @param claimedMax items that it has at once, at most: what an engine that pushes may push
   * @throws TF_QUEUE_UNKNOWN
   */
  join(queue: string, options: { readonly claimedMax: number }): Promise<QueueWorker>
  /** Whether a transaction of this database can put items in, and complete them. */
  isIn(database: TopicDatabase): boolean
  /**
   * Takes an item out that waits, and aborts one that is under way: when its handler has ended, however, it is gone.
   *
   * @throws TF_QUEUE_UNKNOWN
   * @throws TF_QUEUE_UNSUPPORTED
   */
  cancel(queue: string, itemId: string): Promise<Cancellation>
  /** What nobody could do. @throws TF_QUEUE_UNKNOWN */
  deadItems(queue: string): Promise<DeadItems>
  /**
   * Calls back soon after items may have come, or may begin. It may call for nothing, or not at all: look now and then.
   * Returns how to end it.
   */
  onWake(queue: string, callback: () => void): () => void
}
