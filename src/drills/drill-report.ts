/** What a drill found: plain data, printed with `--json`. */
export interface DrillReport {
  readonly layout: 1
  readonly drill: string
  readonly system: string
  readonly database: string
  readonly startedEpochMs: number
  /** What happened, in order, in milliseconds since the strike. */
  readonly events: readonly DrillEvent[]
  readonly measured: RecoveryMeasurement
  /** Those of the blueprint. */
  readonly targets: RecoveryTargets
  /** What users saw meanwhile, where the blueprint has a load. */
  readonly users?: DrillUsers
  readonly findings: readonly DrillFinding[]
  /** `passed` only if no finding is bad. */
  readonly state: 'passed' | 'failed'
}

export interface DrillEvent {
  /** Since the strike. */
  readonly afterMs: number
  readonly text: string
}

/** What a disaster has cost, seen by those who write. */
export interface RecoveryMeasurement {
  /** Recovery time: the longest time around the strike in which no write was acknowledged. */
  readonly timeMs: number
  /** Recovery point: the time over which acknowledged writes are lost; 0 when none is. */
  readonly lossMs: number
  readonly acknowledged: number
  readonly lost: number
  readonly duplicated: number
  /** There although nobody had sent them, or they had been refused. */
  readonly unknown: number
}

/** What the blueprint allows; undefined: nothing was said. */
export interface RecoveryTargets {
  readonly timeMs: number | undefined
  readonly lossMs: number | undefined
}

/** Where the blueprint says nothing. */
export const NO_TARGETS: RecoveryTargets = { timeMs: undefined, lossMs: undefined }

export interface DrillUsers {
  readonly requests: number
  readonly failed: number
  /** Of the worst second. */
  readonly latencyMsP95: number
}

export interface DrillFinding {
  readonly isGood: boolean
  readonly text: string
}
