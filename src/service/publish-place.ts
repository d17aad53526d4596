import type { Clock } from '../core/clock.ts'

/** Where events go that are published in no transaction, of a topic on an engine elsewhere. */
export interface PublishPlace {
  /** Whether into the engine itself; else into the outbox, from where they are carried there. */
  isEngine(): Promise<boolean>
}

/** @see createPublishPlace */
export interface PublishPlaceOptions {
  /** Whether the topic has moved to the engine for good. */
  readonly hasMoved: () => Promise<boolean>
  /** Whether anything in the outbox has not been carried over. */
  readonly isWaiting: () => Promise<boolean>
  readonly clock: Clock
}

/** Looks so often, while something is published. */
const LOOK_MS = 1_000

/**
 * A topic that is in the engine when a process first publishes stays there. One that moves while the process runs is
 * published into the outbox until that has been carried over, so that what was published earlier is not overtaken.
 */
export function createPublishPlace({ hasMoved, isWaiting, clock }: PublishPlaceOptions): PublishPlace {
  let isEngine: boolean | undefined
  let lookedMs = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined

  async function look(): Promise<void> {
    const moved = await hasMoved()
    isEngine = moved && (isEngine === undefined || !(await isWaiting()))
    lookedMs = clock.nowMs()
  }

  return {
    async isEngine() {
      if (isEngine !== true && clock.nowMs() - lookedMs >= LOOK_MS) {
        looking ??= look().finally(() => (looking = undefined))
        await looking
      }
      return isEngine === true
    },
  }
}
