/** What a child may use at most. */
export interface ResourceLimits {
  /** Cores, for example 0.25; undefined: no limit. */
  readonly cpu?: number | undefined
  readonly memoryBytes?: number | undefined
}
