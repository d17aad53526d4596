import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { hasCode, messageOf } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { FailurePolicy, RetryPolicy } from './retry-policy.ts'
import { decideRetry } from './retry-policy.ts'

/** What has become of something that was tried as often as the policy says. */
export type AttemptOutcome<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  /** The partition is another's, or shall be: it will be delivered again. */
  | { readonly kind: 'abandoned' }
  | {
      readonly kind: 'given-up'
      readonly policy: FailurePolicy
      readonly attempts: number
      readonly cause: string
    }

/** @see tryRepeatedly */
export interface AttemptOptions {
  readonly clock: Clock
  readonly random: Random
  readonly policy: RetryPolicy
  /** Ends the pauses; a try under way is not ended by it. */
  readonly signal: AbortSignal
  /** Tries that were made before. @default 0 */
  readonly before?: number
}

/** Trouble of a database or a broker, which no event is to blame for: it is waited for, as long as it takes. */
const OUTAGES = [
  'TF_DATABASE_UNREACHABLE',
  'TF_CONNECTION_LOST',
  'TF_COMMIT_INDETERMINATE',
  'TF_POOL_EXHAUSTED',
  'TF_NOT_PRIMARY',
  'TF_BROKER_UNREACHABLE',
  'TF_PUBLISH_INDETERMINATE',
] as const

/** Whether it is trouble of a database, which has nothing to do with what was tried. */
export function isOutage(error: unknown): boolean {
  return OUTAGES.some((code) => hasCode(error, code))
}

/** Tries until it goes well or the policy gives up. Never rejects. */
export async function tryRepeatedly<Result>(
  options: AttemptOptions,
  work: (attempt: number) => Promise<Result>,
): Promise<AttemptOutcome<Result>> {
  const { clock, random, policy, signal, before = 0 } = options
  let outages = 0
  for (let failed = 0; ;) {
    if (signal.aborted) return { kind: 'abandoned' }
    let pauseMs: number
    try {
      return { kind: 'done', result: await work(before + failed + 1) }
    } catch (error) {
      if (hasCode(error, 'TF_CLAIM_LOST')) return { kind: 'abandoned' }
      const isNobodysFault = isOutage(error)
      if (isNobodysFault) outages++
      else failed++
      const decision = isNobodysFault
        ? decideRetry({ ...policy, attempts: Infinity }, outages, false, random)
        : decideRetry(policy, failed, hasCode(error, 'TF_EVENT_INVALID'), random)
      if (decision.kind === 'give-up') {
        return { kind: 'given-up', policy: decision.policy, attempts: before + failed, cause: messageOf(error) }
      }
      pauseMs = decision.afterMs
    }
    await sleep(clock, pauseMs, signal).catch(() => undefined)
  }
}
