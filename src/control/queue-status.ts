import type { OutboxStatus } from './topic-status.ts'

/** A queue as an operator sees it, a few seconds old at most while something changes. */
export interface QueueStatus {
  readonly name: string
  /** The database that holds its items, or the variable with the address of the server that does. */
  readonly database: string
  /** Items that may begin, and wait. */
  readonly waiting: number
  /** More wait than that. */
  readonly isMore: boolean
  /** How long the oldest of them has been due; 0: there is none. */
  readonly oldestAgeMs: number
  /** Items that workers have. */
  readonly running: number
  /** Items that are not due yet, also those that wait for their next try. */
  readonly delayed: number
  readonly workers: number
  /** Items that nobody could do. */
  readonly deadItems: number
  /** Items a second that were done lately; absent until two readings were made. */
  readonly finishedPerSecond?: number
  /** What waits in other databases to be moved to the queue; those where something does. */
  readonly outboxes: readonly OutboxStatus[]
}
