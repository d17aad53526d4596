import type { Clock } from '../core/clock.ts'
import { hasCode, messageOf } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { isOutage, tryRepeatedly } from '../topics/attempts.ts'
import type { RetryPolicy } from '../topics/retry-policy.ts'
import { decideRetry } from '../topics/retry-policy.ts'
import { reportTrouble } from '../topics/trouble.ts'
import type { ClaimedItem, QueueWorker } from './queue-engine.ts'

/** What is done with items when their handler has ended. Nothing here rejects. */
export interface Settling {
  /** They are done; many of them together in one call of the engine, if they come while one is under way. */
  complete(items: readonly ClaimedItem[]): Promise<void>
  /** A try has failed: it is decided what comes then, and done. */
  fail(item: ClaimedItem, error: unknown): Promise<void>
  /** The item was tried as often as it may be, and nobody has told of the end of the last try. */
  giveUpUntried(item: ClaimedItem): Promise<void>
  giveBack(items: readonly ClaimedItem[]): Promise<void>
}

/** @see createSettling */
export interface SettlingOptions {
  readonly worker: QueueWorker
  readonly policy: RetryPolicy
  readonly clock: Clock
  readonly random: Random
  /** Aborted when nothing can be waited for any more. */
  readonly stopped: AbortSignal
  /** Told of each item that is given up. */
  onGivenUp(item: ClaimedItem, cause: string): void
}

/** Pauses after errors of the engine, which is asked for as long as the items are this worker's. */
const PATIENCE: RetryPolicy = { attempts: Infinity, pauseMs: 100, pauseMaxMs: 2_000, onFailure: 'skip' }

/** Items are this worker's until they are settled, or until it loses them. */
export function createSettling(options: SettlingOptions): Settling {
  const { worker, policy, clock, random, stopped, onGivenUp } = options
  const waiting: { readonly items: readonly ClaimedItem[]; readonly done: () => void }[] = []
  let isCompleting = false

  async function persistently(item: ClaimedItem, work: () => Promise<unknown>): Promise<void> {
    const signal = AbortSignal.any([stopped, lossOf(item)])
    await tryRepeatedly({ clock, random, policy: PATIENCE, signal }, work)
  }

  /** One call at a time: what comes meanwhile goes with the next. */
  async function completeWaiting(): Promise<void> {
    isCompleting = true
    while (waiting.length > 0) {
      const group = waiting.splice(0)
      const items = group.flatMap((each) => each.items)
      await persistently(items[0] as ClaimedItem, async () => {
        const lost = await worker.complete(items)
        for (const { itemId } of lost)
          reportTrouble('completing an item', new Error(`another worker has ${itemId} by now`))
      })
      for (const { done } of group) done()
    }
    isCompleting = false
  }

  return {
    complete(items) {
      return new Promise((resolve) => {
        waiting.push({ items, done: resolve })
        if (!isCompleting) void completeWaiting()
      })
    },
    async fail(item, error) {
      // Whoever has it now decides.
      if (hasCode(item.signal.reason, 'TF_CLAIM_LOST')) return
      if (hasCode(error, 'TF_CLAIM_LOST')) {
        // A transaction with an old snapshot may have looked in vain.
        await this.giveBack([item])
        return
      }
      if (hasCode(item.signal.reason, 'TF_ITEM_CANCELLED')) {
        await this.complete([item])
        return
      }
      const cause = messageOf(error)
      if (isOutage(error)) {
        // No item is to blame for it, and its tries are not used up.
        const attempts = item.attempt - 1
        await persistently(item, () => worker.retry(item, { cause, attempts, afterMs: policy.pauseMs }))
        return
      }
      const decision = decideRetry(policy, item.attempt, hasCode(error, 'TF_ITEM_INVALID'), random)
      if (decision.kind === 'again') {
        const { afterMs } = decision
        await persistently(item, () => worker.retry(item, { cause, attempts: item.attempt, afterMs }))
        return
      }
      onGivenUp(item, cause)
      if (decision.policy === 'skip') await this.complete([item])
      else await persistently(item, () => worker.bury(item, { cause, attempts: item.attempt }))
    },
    async giveUpUntried(item) {
      const cause = 'the worker that had it died, or stood still for too long, at its last try'
      onGivenUp(item, cause)
      await persistently(item, () => worker.bury(item, { cause, attempts: item.attempt - 1 }))
    },
    async giveBack(items) {
      const [first] = items
      // What can't be given back before it has to stop is when it leaves.
      if (first !== undefined) await persistently(first, () => worker.giveBack(items))
    },
  }
}

/** Aborted when the item is another's, not when it was cancelled. */
function lossOf({ signal }: ClaimedItem): AbortSignal {
  const controller = new AbortController()
  const look = (): void => {
    if (hasCode(signal.reason, 'TF_CLAIM_LOST')) controller.abort(signal.reason)
  }
  if (signal.aborted) look()
  else signal.addEventListener('abort', look, { once: true, signal: controller.signal })
  return controller.signal
}
