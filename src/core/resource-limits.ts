/** What a child may use at most. */
export interface ResourceLimits {
  /** Cores, for example 0.25; undefined: no limit. */
  readonly cpu?: number | undefined
  readonly memoryBytes?: number | undefined
}

/** What a CPU limit did to a child so far. */
export interface CpuThrottling {
  /** Accounting periods (100 ms each) in which the child wanted to run. */
  readonly periods: number
  /** Periods in which it used up its share and had to wait for the next. */
  readonly throttledPeriods: number
  /** Seconds that its threads waited in sum. */
  readonly throttledSeconds: number
}
