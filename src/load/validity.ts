/** What the generator knows of itself after a run. */
export interface GeneratorHealth {
  /** 99th percentile of the generator's own delay before a request was sent or had to wait for a connection. */
  readonly lagMsP99: number
  /** Event-loop utilisation of the busiest worker, 0 to 1. */
  readonly elu: number
  /** Sessions in the schedule. */
  readonly planned: number
  /** Sessions that were taken on in time. */
  readonly offered: number
  /** Due requests that the generator had no room for. */
  readonly overflowed: number
  /** Connections that failed because the generator's machine had no port or file left. */
  readonly localProblems: number
}

/** Whether a run says anything about the target. */
export type Validity =
  | { readonly state: 'valid' }
  /** The generator was the limit: the run is discarded, and never counts as a failure of the target. */
  | { readonly state: 'generator-bound'; readonly reasons: readonly string[] }

/** Lag that is tolerated whatever the objective. */
const LAG_MS_MAX = 5

/** Above this utilisation a Node process queues its own work noticeably. */
const ELU_MAX = 0.85

/** Share of the planned sessions that may be missing. */
const MISSING_SHARE_MAX = 0.005

/**
 * Judges a run by the generator's own health.
 *
 * @param latencyBoundMs the strictest latency bound of the objectives: a tenth of it may be lag
 * @example judgeValidity({ lagMsP99: 2, elu: 0.3, planned: 100, offered: 100, overflowed: 0, localProblems: 0 }).state // 'valid'
 */
export function judgeValidity(health: GeneratorHealth, latencyBoundMs = 0): Validity {
  const lagMsMax = Math.max(LAG_MS_MAX, latencyBoundMs / 10)
  const missing = health.planned - health.offered
  const reasons: string[] = []
  if (health.lagMsP99 > lagMsMax) {
    reasons.push(`expected the generator to send within ${round(lagMsMax)} ms (p99), got ${round(health.lagMsP99)} ms`)
  }
  if (health.elu > ELU_MAX) {
    reasons.push(`expected the generator's event loop to be busy at most ${ELU_MAX}, got ${round(health.elu)}`)
  }
  if (Math.abs(missing) > health.planned * MISSING_SHARE_MAX) {
    reasons.push(`expected ${health.planned} sessions to be offered, got ${health.offered}`)
  }
  if (health.overflowed > 0) {
    reasons.push(`expected room for every due request, got ${health.overflowed} for which there was none`)
  }
  if (health.localProblems > 0) {
    reasons.push(`expected a port and a file for every connection, got ${health.localProblems} that had none`)
  }
  return reasons.length === 0 ? { state: 'valid' } : { state: 'generator-bound', reasons }
}

function round(value: number): number {
  return Number(value.toPrecision(3))
}
