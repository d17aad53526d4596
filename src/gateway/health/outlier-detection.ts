import type { ResolvedEjection } from '../../blueprint/resolved-traffic.ts'

/*
 * Envoy's outlier detection, with its numbers (docs/intro/arch_overview/upstream/outlier): which instances answer so
 * badly that they get nothing for a while. Pure; `service-health.ts` acts.
 */

/** How often rates are looked at. */
export const OUTLIER_INTERVAL_MS = 10_000
/** An ejection lasts this long at most, or as long as the shortest one that is asked for. */
const EJECTED_MS_MAX = 300_000
/** So much longer at most than it would be, by chance: those ejected together must not all come back at once. */
const JITTER = 0.1
/** Rates are compared among so many instances at least, each with so many answers in the interval. */
const HOSTS_MIN = 5
const REQUESTS_MIN = 100
/** Standard deviations below the mean at which a success rate is an outlier. */
const DEVIATIONS = 1.9

/** What an instance has answered since rates were last looked at. */
export interface Outcomes {
  /** Answers and failures together. */
  requests: number
  /** 5xx, broken or refused connections, and answers that did not begin in time. */
  failures: number
  /** Failures since the last success. */
  consecutive: number
}

/**
 * Whether one more of `instances` may be ejected while `ejected` are: at most the share that the rules give, but always
 * one.
 */
export function mayEject(ejected: number, instances: number, { atMost }: ResolvedEjection): boolean {
  return atMost > 0 && (ejected === 0 || (ejected + 1) / instances <= atMost)
}

/**
 * How long an ejection lasts: longer each time that it comes again soon.
 *
 * @param times ejections in a row, this one included
 * @param chance uniform in [0, 1)
 * @example ejectedMs(2, { after: 5, forMs: 30_000, atMost: 0.1 }, 0) // 60_000
 */
export function ejectedMs(times: number, { forMs }: ResolvedEjection, chance: number): number {
  return Math.min(forMs * times, Math.max(EJECTED_MS_MAX, forMs)) * (1 + JITTER * chance)
}

/** An instance whose answers are far worse than the others'. */
export interface RateOutlier<T> {
  readonly instance: T
  readonly reason: string
}

/**
 * The instances whose success rate in the last interval lies more than 1.9 standard deviations below the mean. Instances
 * with fewer than 100 requests don't count; of fewer than five nothing can be said.
 */
export function rateOutliers<T extends { readonly outcomes: Outcomes }>(
  instances: readonly T[],
): readonly RateOutlier<T>[] {
  const counted = instances.filter(({ outcomes }) => outcomes.requests >= REQUESTS_MIN)
  if (counted.length < HOSTS_MIN) return []
  const rates = counted.map(({ outcomes }) => 1 - outcomes.failures / outcomes.requests)
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length
  const bound = mean - DEVIATIONS * Math.sqrt(variance)
  return counted.flatMap((instance, index) => {
    const rate = rates[index]!
    if (rate >= bound) return []
    return [{ instance, reason: `${percent(rate)} of its answers are good, of all ${percent(mean)}` }]
  })
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
