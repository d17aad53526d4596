/** What users are promised of a service. The blueprint's resolved objectives have this form. */
export interface Objective {
  /** Share of requests that must succeed, 0 to 1; undefined: nothing is promised. */
  readonly availability: number | undefined
  /** Bounds on percentiles of the latency: `{ percentile: 95, boundMs: 200 }`. */
  readonly latency: readonly LatencyObjective[]
}

/** At most `100 − percentile` % of the requests may take longer than the bound, or fail. */
export interface LatencyObjective {
  readonly percentile: number
  readonly boundMs: number
}

/**
 * The strictest latency bound in milliseconds, or undefined where there is none: what the load generator measures its
 * own lag against.
 *
 * @example strictestBoundMs({ availability: 0.999, latency: [{ percentile: 95, boundMs: 200 }] }) // 200
 */
export function strictestBoundMs(objective: Objective): number | undefined {
  const bounds = objective.latency.map(({ boundMs }) => boundMs)
  return bounds.length === 0 ? undefined : Math.min(...bounds)
}
