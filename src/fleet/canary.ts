import type { RequestMatch } from '../blueprint/resolved-traffic.ts'

/** How a canary is tried. */
export interface CanaryOptions {
  /** Share of the requests that it gets, more than 0 and less than 1. */
  readonly share: number
  /** Requests that it gets besides, all of them. @default none */
  readonly match?: RequestMatch | undefined
  /**
   * Called when it gets requests: resolves when it has passed, rejects with what is wrong with it. The signal says that
   * nobody waits any more.
   */
  hold(signal: AbortSignal): Promise<void>
}

/** Weights beyond these bounds say nothing that a gateway could keep. */
const WEIGHT_MIN = 0.001
const WEIGHT_MAX = 1_000

/**
 * How many instances a canary has: in proportion to its share, at least one.
 *
 * @example canaryCount(10, 0.25) // 3
 */
export function canaryCount(desired: number, share: number): number {
  return Math.max(1, Math.min(desired, Math.round(desired * share)))
}

/**
 * The weight of each instance of a canary, where all others weigh 1, with which the canary as a whole has its share:
 * c·w / (c·w + n) = share for c canaries and n others.
 *
 * @example canaryWeight(0.1, { canaries: 1, others: 3 }) // 0.333…
 */
export function canaryWeight(share: number, { canaries, others }: { canaries: number; others: number }): number {
  if (canaries === 0 || others === 0) return 1
  return Math.min(WEIGHT_MAX, Math.max(WEIGHT_MIN, (share * others) / ((1 - share) * canaries)))
}
