import type { Histogram } from '../core/histogram.ts'
import { allowedShare } from './error-budget.ts'
import type { LatencyObjective, Objective } from './objective.ts'

/** What was measured: requests that passed, with their latency from the intended start, and how many did not pass. */
export interface Measurement {
  /** In microseconds. */
  readonly succeeded: Histogram
  /** Errors, failed checks and time-outs: each counts against the availability, and as slower than any bound. */
  readonly failed: number
}

/** Whether an objective holds, with a reason for each part of it. */
export interface Verdict {
  /** `invalid`: nothing can be said, because the measurement is not valid or has too few requests. */
  readonly state: 'met' | 'broken' | 'invalid'
  readonly reasons: readonly VerdictReason[]
}

/** One part of an objective. */
interface VerdictReason {
  readonly objective: 'availability' | 'latency' | 'measurement'
  readonly state: 'met' | 'broken' | 'invalid'
  /** For people: `p95 was 180 ms, the bound is 200 ms (12,000 requests)`. */
  readonly text: string
  /** Share of good requests, or milliseconds; Infinity where the percentile falls on a failed request. */
  readonly measured: number
  readonly bound: number
  /** Requests that were measured. */
  readonly samples: number
}

/** A share is told from requests only when at least so many of them are expected on its smaller side. */
const EXPECTED_MIN = 5

/** How unlikely a result must be under a kept objective, to call the objective broken in spite of few requests. */
const SIGNIFICANCE = 0.01

/**
 * Judges an objective. With few requests it says so: 80 of them tell nothing of a p99, unless so many are slow that
 * the bound is broken beyond doubt.
 *
 * @param options.invalid reasons why the measurement says nothing, such as a generator at its limit: they make the
 *   verdict `invalid`, whatever was measured
 * @example judgeObjective({ availability: 0.999, latency: [] }, { succeeded, failed: 0 }).state // 'met'
 */
export function judgeObjective(
  objective: Objective,
  measurement: Measurement,
  options: { invalid?: readonly string[] } = {},
): Verdict {
  const samples = measurement.succeeded.count + measurement.failed
  const reasons: VerdictReason[] = (options.invalid ?? []).map((text) => ({
    objective: 'measurement',
    state: 'invalid',
    text,
    measured: samples,
    bound: 0,
    samples,
  }))
  if (objective.availability !== undefined) reasons.push(judgeAvailability(objective.availability, measurement))
  for (const latency of objective.latency) reasons.push(judgeLatency(latency, measurement))
  return { state: stateOf(reasons), reasons }
}

/**
 * The latency that `percentile` % of all requests do not exceed, in milliseconds, a failed request being slower than
 * any: Infinity where the percentile falls on one of them.
 */
export function latencyMsAt(percentile: number, { succeeded, failed }: Measurement): number {
  const total = succeeded.count + failed
  if (total === 0) return 0
  const rank = Math.max(1, Math.ceil((percentile * total) / 100 - 1e-6))
  if (rank > succeeded.count) return Number.POSITIVE_INFINITY
  return succeeded.percentile((100 * rank) / succeeded.count) / 1_000
}

function judgeAvailability(bound: number, { succeeded, failed }: Measurement): VerdictReason {
  const samples = succeeded.count + failed
  const measured = samples === 0 ? 0 : succeeded.count / samples
  const state = judgeShare({ bad: failed, samples, allowed: allowedShare(bound) })
  const values = `${percent(measured)} of the requests succeeded, the bound is ${percent(bound)}`
  const text =
    state === 'invalid' ? untold(percent(bound), samples, allowedShare(bound)) : `${values} (${many(samples)})`
  return { objective: 'availability', state, text, measured, bound, samples }
}

function judgeLatency({ percentile, boundMs }: LatencyObjective, measurement: Measurement): VerdictReason {
  const samples = measurement.succeeded.count + measurement.failed
  const slow = measurement.succeeded.countAbove(boundMs * 1_000) + measurement.failed
  const state = judgeShare({ bad: slow, samples, allowed: allowedShare(percentile / 100) })
  const exact = latencyMsAt(percentile, measurement)
  // Within one bucket of the histogram the bound counts as kept; what is printed must say the same.
  const measured = state === 'met' ? Math.min(exact, boundMs) : exact
  const shown = measured === Number.POSITIVE_INFINITY ? 'a failed request' : `${Number(measured.toPrecision(3))} ms`
  const text =
    state === 'invalid'
      ? untold(`p${percentile}`, samples, allowedShare(percentile / 100))
      : `p${percentile} was ${shown}, the bound is ${boundMs} ms (${many(samples)})`
  return { objective: 'latency', state, text, measured, bound: boundMs, samples }
}

function judgeShare(input: { bad: number; samples: number; allowed: number }): VerdictReason['state'] {
  const { bad, samples, allowed } = input
  if (samples === 0) return 'invalid'
  if (allowed === 0) return bad === 0 ? 'met' : 'broken'
  if (samples * Math.min(allowed, 1 - allowed) >= EXPECTED_MIN)
    return bad <= samples * allowed + 1e-9 ? 'met' : 'broken'
  return tailProbability(bad, samples, allowed) < SIGNIFICANCE ? 'broken' : 'invalid'
}

/** P(X ≥ k) for X binomial with n trials of probability p; called with few expected successes, so the sum is short. */
function tailProbability(k: number, n: number, p: number): number {
  let term = (1 - p) ** n
  let below = 0
  for (let i = 0; i < k; i++) {
    below += term
    if (below >= 1) return 0
    term *= ((n - i) / (i + 1)) * (p / (1 - p))
  }
  return 1 - below
}

function stateOf(reasons: readonly VerdictReason[]): Verdict['state'] {
  if (reasons.some(({ objective }) => objective === 'measurement')) return 'invalid'
  if (reasons.some(({ state }) => state === 'broken')) return 'broken'
  return reasons.some(({ state }) => state === 'invalid') ? 'invalid' : 'met'
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(6))} %`
}

/** The number is the one from which {@link judgeShare} always tells. */
function untold(what: string, samples: number, allowed: number): string {
  const needed = Math.ceil(EXPECTED_MIN / Math.min(allowed, 1 - allowed) - 1e-6)
  return `${what} can't be told from ${many(samples)}, it takes ${needed}`
}

function many(samples: number): string {
  return `${samples} request${samples === 1 ? '' : 's'}`
}
