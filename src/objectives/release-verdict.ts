import { allowedShare } from './error-budget.ts'
import type { Objective } from './objective.ts'
import type { Measurement } from './verdict.ts'

/** Whether a new release may stay, and why. */
export interface ReleaseVerdict {
  /** `too-few`: it answered too few requests to say anything. */
  readonly state: 'burns' | 'holds' | 'too-few'
  /** For people: `12 of 240 requests failed, the objective allows 0.1 %`. */
  readonly reason: string
}

/** @see judgeRelease */
export interface ReleaseJudgement {
  /** What is promised of the service; undefined: nothing. */
  readonly objective: Objective | undefined
  /** What the new release has answered. */
  readonly served: Measurement
  /** What the service has answered before. */
  readonly before: Measurement
  /** @default 20 */
  readonly requestsMin?: number
}

const REQUESTS_MIN_DEFAULT = 20
/** It is looked at every second: how unlikely a result must be under a kept objective to be no accident. */
const SIGNIFICANCE = 0.001
/** A release is to blame only for what is so many times worse than it was. */
const WORSE = 2

/**
 * Judges a release by the objective of its service: it burns when more requests went wrong than the objective allows,
 * beyond what chance explains, and clearly more than before it came. What was as bad already is not its fault, and going
 * back would not cure it.
 *
 * Chance: the bound of Chernoff and Hoeffding, P(X ≥ k) ≤ exp(−n·D(k/n ‖ p)) for X binomial with n trials of
 * probability p, where D is the relative entropy.
 */
export function judgeRelease(judgement: ReleaseJudgement): ReleaseVerdict {
  const { objective, served, before, requestsMin = REQUESTS_MIN_DEFAULT } = judgement
  const total = totalOf(served)
  if (total < requestsMin) return { state: 'too-few', reason: `${total} requests are too few to tell` }
  const isComparable = totalOf(before) >= requestsMin
  let reason = `${total} requests were as the objective wants them`
  for (const { badOf, allowed, what } of promises(objective)) {
    const bad = badOf(served)
    if (bad <= total * allowed || chance(bad, total, allowed) > SIGNIFICANCE) continue
    const says = `${bad} of ${total} requests ${what}, the objective allows ${percent(allowed)}`
    const former = isComparable ? badOf(before) / totalOf(before) : 0
    if (bad / total > WORSE * former) return { state: 'burns', reason: says }
    reason = `${says}; it was as bad before`
  }
  return { state: 'holds', reason: objective === undefined ? 'the service has no objective' : reason }
}

interface Promised {
  badOf(measurement: Measurement): number
  /** Share of bad requests. */
  readonly allowed: number
  readonly what: string
}

function promises(objective: Objective | undefined): readonly Promised[] {
  if (objective === undefined) return []
  const { availability, latency } = objective
  return [
    ...(availability === undefined
      ? []
      : [{ badOf: ({ failed }: Measurement) => failed, allowed: allowedShare(availability), what: 'failed' }]),
    ...latency.map(({ percentile, boundMs }) => ({
      badOf: ({ succeeded, failed }: Measurement) => succeeded.countAbove(boundMs * 1_000) + failed,
      allowed: allowedShare(percentile / 100),
      what: `took longer than ${boundMs} ms or failed`,
    })),
  ]
}

/** How likely so many or more are at most; `bad` is more than expected. */
function chance(bad: number, total: number, allowed: number): number {
  if (allowed <= 0) return 0
  const share = bad / total
  const good = share === 1 ? 0 : (1 - share) * Math.log((1 - share) / (1 - allowed))
  return Math.exp(-total * (share * Math.log(share / allowed) + good))
}

function totalOf({ succeeded, failed }: Measurement): number {
  return succeeded.count + failed
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(6))} %`
}
