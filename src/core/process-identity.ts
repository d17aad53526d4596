/** A process, told apart from any later one that gets the same pid. */
export interface ProcessIdentity {
  readonly pid: number
  /** When it started, in the system's own notation (Linux: clock ticks since boot). */
  readonly startTime: string
}
