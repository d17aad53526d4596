import type { Random } from '../core/random.ts'

/** What is remembered of an instance's failures. */
export interface FailureHistory {
  /** Failures without a healthy minute between them. */
  readonly inARow: number
  /** When the latest ones were, at most as many as make a crash loop. */
  readonly recentMs: readonly number[]
  readonly isCrashLoop: boolean
}

/** How long an instance rests after a failure. */
export interface RestartPolicy {
  /** @default 250 */
  readonly firstPauseMs: number
  /** @default 15,000 */
  readonly longestPauseMs: number
  /** So many failures within the window are a crash loop. @default 5 */
  readonly crashLoopFailures: number
  /** @default 60,000 */
  readonly crashLoopWindowMs: number
  /** Being ready for so long makes the past forgotten. @default 60,000 */
  readonly healthyAfterMs: number
}

export const RESTART_POLICY_DEFAULT: RestartPolicy = {
  firstPauseMs: 250,
  longestPauseMs: 15_000,
  crashLoopFailures: 5,
  crashLoopWindowMs: 60_000,
  healthyAfterMs: 60_000,
}

export const NO_FAILURES: FailureHistory = { inARow: 0, recentMs: [], isCrashLoop: false }

/**
 * What follows from one more failure: the pause doubles from the first to the longest, give or take a quarter so that
 * instances that died together do not come back together; in a crash loop it is the longest.
 *
 * @param readyMs how long the instance had been ready when it failed
 */
export function afterFailure(
  history: FailureHistory,
  { nowMs, readyMs, random }: { nowMs: number; readyMs: number; random: Random },
  policy: RestartPolicy = RESTART_POLICY_DEFAULT,
): { history: FailureHistory; pauseMs: number } {
  const past = readyMs >= policy.healthyAfterMs ? NO_FAILURES : history
  const recentMs = [...past.recentMs, nowMs].slice(-policy.crashLoopFailures)
  const isWithinWindow = nowMs - (recentMs[0] ?? nowMs) <= policy.crashLoopWindowMs
  const isCrashLoop = past.isCrashLoop || (recentMs.length >= policy.crashLoopFailures && isWithinWindow)
  const doubled = policy.firstPauseMs * 2 ** Math.min(past.inARow, 30)
  const pauseMs = (isCrashLoop ? policy.longestPauseMs : doubled) * (0.75 + random.next() / 2)
  return {
    history: { inARow: past.inARow + 1, recentMs, isCrashLoop },
    pauseMs: Math.max(policy.firstPauseMs, Math.min(policy.longestPauseMs, pauseMs)),
  }
}
