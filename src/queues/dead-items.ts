import type { StoredItem } from './queue-engine.ts'

/** An item that was given up. */
export interface DeadItem extends StoredItem {
  /** How often it was tried, also before it was redriven. */
  readonly attempts: number
  /** The message of the last error. */
  readonly cause: string
  readonly failedEpochMs: number
}

/** The items of one queue that were given up; they are kept until somebody redrives or removes them. */
export interface DeadItems {
  /** The oldest, `max` at most. @default 100 */
  list(options?: { readonly max?: number }): Promise<readonly DeadItem[]>
  /**
   * Puts them into the queue again, with all their tries before them, and their old ids. Neither ids: all.
   *
   * @returns how many
   */
  redrive(options?: { readonly itemIds?: readonly string[] }): Promise<number>
  /** Forgets them. @returns how many */
  remove(options: { readonly itemIds: readonly string[] }): Promise<number>
}
