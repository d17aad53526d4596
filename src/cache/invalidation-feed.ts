import type { Transaction } from '../sql/transaction.ts'

/** What is good no longer: entries of one cache, by their keys, by their tags, or all of them. */
export interface Invalidation {
  readonly cache: string
  readonly keys?: readonly string[]
  readonly tags?: readonly string[]
  readonly isAll?: boolean
}

/** As much of a `Transaction` as an invalidation needs, whatever its tables are. */
export type CacheTransaction = Pick<Transaction<unknown>, 'database' | 'query' | 'afterCommit'>

/** Where a reader of a feed is. Only the feed that gave it knows what it means. */
export type FeedPosition = object

/** What one look at a feed has shown. */
export interface FeedReading {
  /** Everything behind the position that was given, in any order; invalidations may be repeated, never left out. */
  readonly invalidations: readonly Invalidation[]
  /** Where to read on. */
  readonly position: FeedPosition
  /** Some invalidations can't be read any more, or reading has just begun: nothing that was cached before counts. */
  readonly hasGap: boolean
  /** Whether it has all that was committed before the call of `read`. If not, read on. */
  readonly isAtEnd: boolean
}

/**
 * A log of invalidations that every process reads whole. What matters is the order with the data: once a reader sees an
 * invalidation, whoever loads the value afterwards sees the write that it tells about.
 */
export interface InvalidationFeed {
  /**
   * Adds invalidations; they are there when it resolves, or when the transaction has committed, and not at all if that
   * does not commit.
   */
  publish(
    invalidations: readonly Invalidation[],
    options?: { readonly transaction?: CacheTransaction | undefined },
  ): Promise<void>
  /**
   * Reads what is behind a position, which is given back unchanged; without one, from now on. Nothing is remembered: a call
   * whose answer is not waited for has no effect.
   */
  read(after?: FeedPosition): Promise<FeedReading>
  /** Calls back soon after something may have been published. It may call for nothing, or not at all. Returns how to end it. */
  onWake(callback: () => void): () => void
}
