import type { Duration } from '../core/duration.ts'
import { parseDuration } from '../core/duration.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'

/** How often an event is tried, and what becomes of it when that has not helped. */
export interface RetryOptions {
  /** Tries, the first included: 1 to 100, or Infinity, where later events wait as long as it takes. @default 5 */
  attempts?: number
  /** The longest pause before the second try; each later one may be twice as long. @default '200ms' */
  pause?: Duration
  /** No pause is longer. @default '30s' */
  pauseMax?: Duration
  /**
   * - `dead-letter`: it is kept with its cause, and the group goes on; `redrive` tries it again, later than what came after it.
   * - `block-key`: the same, and later events of its key wait behind it, so that their order is kept; other keys go on.
   * - `skip`: it is given up.
   * @default 'dead-letter'
   */
  onFailure?: FailurePolicy
}

export type FailurePolicy = 'dead-letter' | 'block-key' | 'skip'

/** The options with their defaults. */
export interface RetryPolicy {
  readonly attempts: number
  readonly pauseMs: number
  readonly pauseMaxMs: number
  readonly onFailure: FailurePolicy
}

/** What comes after a try that has failed. */
export type RetryDecision =
  | { readonly kind: 'again'; readonly afterMs: number }
  | { readonly kind: 'give-up'; readonly policy: FailurePolicy }

/** @throws TF_OPTION_INVALID */
export function retryPolicy(options: RetryOptions = {}): RetryPolicy {
  const { attempts = 5, pause = '200ms', pauseMax = '30s', onFailure = 'dead-letter' } = options
  if (attempts !== Infinity && (!Number.isSafeInteger(attempts) || attempts < 1 || attempts > 100)) {
    const expected = 'expected attempts to be a whole number from 1 to 100, or Infinity'
    throw new TenfoldError('TF_OPTION_INVALID', `${expected}, got ${attempts}`)
  }
  return { attempts, pauseMs: parseDuration(pause), pauseMaxMs: parseDuration(pauseMax), onFailure }
}

/**
 * Pauses are uniform between half a ceiling and the ceiling, which doubles ("equal jitter", Brooker, "Exponential backoff
 * and jitter", AWS 2015): never none at all, since one key waits for nothing else. Pure.
 *
 * @param failed how often it has failed, from 1
 */
export function decideRetry(policy: RetryPolicy, failed: number, isPermanent: boolean, random: Random): RetryDecision {
  if (isPermanent || failed >= policy.attempts) return { kind: 'give-up', policy: policy.onFailure }
  const ceilingMs = Math.min(policy.pauseMaxMs, policy.pauseMs * 2 ** (failed - 1))
  return { kind: 'again', afterMs: (ceilingMs * (1 + random.next())) / 2 }
}
