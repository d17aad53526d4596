/** One instance as a balancer sees it. */
export interface Candidate {
  /** Requests under way to it. */
  readonly inFlight: number
  /** Whether it takes one more at all. */
  readonly isFull: boolean
  /** Share of the traffic relative to the others, above 0. */
  readonly weight: number
  /** What an answer costs there, in milliseconds; see `PeakEwma`. */
  latencyMs(nowMs: number): number
}

/** Decides which instance takes the next request. Pure but for its random numbers, so the simulator runs it too. */
export interface Balancer {
  /**
   * One of the candidates, or undefined when all are full or there are none.
   *
   * @param avoid the instance that has just failed this request; taken only when no other has room
   */
  pick<T extends Candidate>(candidates: readonly T[], nowMs: number, avoid?: T): T | undefined
}
