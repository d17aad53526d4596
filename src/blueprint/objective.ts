import type { Duration } from '../core/duration.ts'

/** What users of a service may count on. The same numbers pass a rehearsal, gate a release and page. */
export interface Objective {
  /**
   * Share of requests that must succeed, above 0 and below 1.
   * @default none
   * @example availability: 0.999
   */
  availability?: number
  /**
   * Bound on each percentile of the latency, measured from the intended start.
   * @default none
   * @example latency: { p95: '200ms', p99: '1s' }
   */
  latency?: LatencyObjective
}

/** Percentiles and their bounds; those left out have none. A higher percentile can't have a tighter bound. */
export interface LatencyObjective {
  p50?: Duration
  p90?: Duration
  p95?: Duration
  p99?: Duration
  'p99.9'?: Duration
}
