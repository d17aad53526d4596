import type { PartitionClaim, StoredEvent } from './topic-log.ts'

/** An event that a group could not handle, or that waits behind one of the same key. */
export interface DeadLetter extends StoredEvent {
  /**
   * - `dead`: it was given up.
   * - `waiting`: a letter of its key is dead and blocks it; it was never tried.
   * - `due`: it is to be tried again.
   */
  readonly state: 'dead' | 'waiting' | 'due'
  /** Whether later events of its key wait behind it. */
  readonly isBlocking: boolean
  /** How often it was tried. */
  readonly attempts: number
  /** The message of the last error, or which letter it waits behind. */
  readonly cause: string
  readonly failedEpochMs: number
}

/** What becomes an event that is put aside. */
export interface DeadLetterReason {
  readonly state: 'dead' | 'waiting'
  readonly isBlocking: boolean
  readonly attempts: number
  readonly cause: string
}

/** Which letters to try again; neither: all of the group. */
export interface RedriveSelection {
  readonly messageIds?: readonly string[]
  readonly key?: string
}

/** The letters of one group on one topic. Whoever has a partition is the only one that adds and settles its letters. */
export interface DeadLetters {
  /**
   * Puts an event aside; once more with the same id changes nothing. Given progress, that is committed up to the event at
   * once, so that it is never both a letter and delivered again.
   */
  add(
    event: StoredEvent,
    reason: DeadLetterReason,
    progress?: { readonly claim: PartitionClaim; readonly sequence: number },
  ): Promise<void>
  /** Keys whose later events have to wait. */
  blockedKeys(partition: number): Promise<readonly string[]>
  /** What is to be tried again, in the order in which it was put aside. */
  due(partition: number, max: number): Promise<readonly DeadLetter[]>
  /**
   * Takes a letter out that was handled; those that waited behind it are due then. Resolves to whether its key blocks
   * nothing any more.
   */
  settle(letter: DeadLetter): Promise<boolean>
  /** A letter that was tried in vain is dead again, and what waits behind it waits on. */
  failAgain(letter: DeadLetter, reason: { readonly attempts: number; readonly cause: string }): Promise<void>
  /** The oldest letters, `max` at most. */
  list(options?: { readonly max?: number }): Promise<readonly DeadLetter[]>
  /**
   * Makes letters due; of a key that is blocked all, in their order. They are tried by whoever has their partition.
   *
   * @returns how many
   */
  redrive(selection?: RedriveSelection): Promise<number>
}
