import type { ResolvedProbe } from '../../blueprint/resolved-traffic.ts'

/** What probes have said of an instance. */
export interface ProbeState {
  readonly isHealthy: boolean
  /** Probes in a row that speak for the other state. */
  readonly against: number
}

/** Instances are listed when they are ready. */
export const PROBED_FIRST: ProbeState = { isHealthy: true, against: 0 }

/**
 * The state after one more probe: it changes after so many in a row as the rules ask for, so that one slow answer takes
 * nobody out and one quick answer brings nobody back.
 */
export function afterProbe(
  { isHealthy, against }: ProbeState,
  hasPassed: boolean,
  { failures, successes }: Pick<ResolvedProbe, 'failures' | 'successes'>,
): ProbeState {
  if (hasPassed === isHealthy) return { isHealthy, against: 0 }
  const needed = isHealthy ? failures : successes
  return against + 1 >= needed ? { isHealthy: !isHealthy, against: 0 } : { isHealthy, against: against + 1 }
}
