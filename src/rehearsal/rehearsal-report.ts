import type { ResolvedObjective } from '../blueprint/resolved-blueprint.ts'
import type { Arrivals } from '../blueprint/scenario.ts'
import type { LoadResult } from '../load/load-result.ts'
import type { Verdict } from '../objectives/verdict.ts'

/** What a rehearsal found: plain data, kept in the state directory and printed with `--json`. */
export interface RehearsalReport {
  readonly layout: 1
  readonly id: string
  readonly system: string
  readonly configuration: string
  readonly startedEpochMs: number
  /** The peak of the blueprint was multiplied by this. */
  readonly times: number
  /** Sessions per second at the peak of this rehearsal. */
  readonly peakPerSecond: number
  readonly arrivals: Arrivals
  /** The autoscaler decided as if time ran so many times as fast; absent: just as fast. */
  readonly controlTimeScale?: number
  /** The disaster that happened in the middle. */
  readonly drill?: RehearsedDrill
  readonly load: LoadResult
  /** One for each service that has an objective. */
  readonly verdicts: readonly ServiceVerdict[]
  /** `passed` when every objective is met, `failed` when one is broken, `invalid` when neither can be said. */
  readonly state: 'passed' | 'failed' | 'invalid'
}

export interface RehearsedDrill {
  /** `failover` and the like. */
  readonly name: string
  /** What was done. */
  readonly text: string
  /** Into the measured load, in milliseconds. */
  readonly afterMs: number
}

export interface ServiceVerdict {
  readonly service: string
  readonly objective: ResolvedObjective
  /** `users`: what the generator measured; `gateway`: what the gateway measured, for a service without routes. */
  readonly measuredAt: 'users' | 'gateway'
  readonly verdict: Verdict
}
