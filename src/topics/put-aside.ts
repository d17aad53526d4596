import type { DeadLetter, DeadLetters } from './dead-letters.ts'
import type { AttemptOptions, AttemptOutcome } from './attempts.ts'
import { tryRepeatedly } from './attempts.ts'
import type { PartitionClaim, StoredEvent } from './topic-log.ts'

/** The dead letters of one partition, as its member keeps them. */
export interface PutAside {
  /** Whether later events of this key have to wait. */
  isBlocked(key: string | undefined): boolean
  /**
   * What the policy says of an event that was given up. Resolves when that is durable, to false if the partition has to be
   * left before.
   *
   * @param progress to be committed with it, if all events before this one are finished
   */
  giveUp(
    event: StoredEvent,
    outcome: AttemptOutcome<unknown> & { kind: 'given-up' },
    progress: Progress | undefined,
  ): Promise<boolean>
  /** Puts an event behind those of its key. As `giveUp`. */
  keepWaiting(event: StoredEvent, progress: Progress | undefined): Promise<boolean>
  /** Letters to be tried again. Rejects if the database does. */
  due(): Promise<readonly DeadLetter[]>
  /** Tries a letter again; false if those behind it have to go on waiting. Never rejects. */
  tryAgain(letter: DeadLetter, work: (attempt: number) => Promise<unknown>): Promise<boolean>
}

/** Up to where progress is. */
export interface Progress {
  readonly claim: PartitionClaim
  readonly sequence: number
}

/** @see openPutAside */
export interface PutAsideOptions {
  readonly letters: DeadLetters
  readonly partition: number
  readonly attempts: AttemptOptions
  /** Told of each event that is given up. */
  onGivenUp(event: StoredEvent, cause: string): void
}

/** Letters that are tried again at once. */
const DUE_MAX = 100
const WAITING = {
  state: 'waiting',
  isBlocking: true,
  attempts: 0,
  cause: 'it waits behind an earlier event of its key',
} as const

/** Reads which keys are blocked. Rejects if the database does. */
export async function openPutAside({ letters, partition, attempts, onGivenUp }: PutAsideOptions): Promise<PutAside> {
  const blocked = new Set(await letters.blockedKeys(partition))
  const persistently = async (work: () => Promise<unknown>): Promise<boolean> => {
    const outcome = await tryRepeatedly({ ...attempts, policy: { ...attempts.policy, attempts: Infinity } }, work)
    return outcome.kind === 'done'
  }
  return {
    isBlocked: (key) => key !== undefined && blocked.has(key),
    async giveUp(event, { policy, attempts, cause }, progress) {
      onGivenUp(event, cause)
      if (policy === 'skip') return true
      const isBlocking = policy === 'block-key' && event.key !== undefined
      if (isBlocking) blocked.add(event.key)
      return persistently(() => letters.add(event, { state: 'dead', isBlocking, attempts, cause }, progress))
    },
    keepWaiting: (event, progress) => persistently(() => letters.add(event, WAITING, progress)),
    due: () => letters.due(partition, DUE_MAX),
    async tryAgain(letter, work) {
      const outcome = await tryRepeatedly({ ...attempts, before: letter.attempts }, work)
      if (outcome.kind === 'abandoned') return false
      if (outcome.kind === 'given-up') {
        onGivenUp(letter, outcome.cause)
        await persistently(() => letters.failAgain(letter, outcome))
        return false
      }
      return persistently(async () => {
        if (await letters.settle(letter)) blocked.delete(letter.key as string)
      })
    },
  }
}
