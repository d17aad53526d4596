/** One instance as a balancer sees it. */
export interface Candidate {
  /** The same for as long as the instance is meant, also after a restart. */
  readonly id: string
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
   * One of the candidates, or undefined when all are full or there are none. The list is the same object for as long as
   * the same candidates are in it: a balancer may keep what it has worked out for a list.
   *
   * @param avoid the instance that has just failed this request; taken only when no other has room
   * @param key what a ring hash goes by, 32 bits; undefined: the request has none
   */
  pick<T extends Candidate>(candidates: readonly T[], nowMs: number, avoid?: T, key?: number): T | undefined
}
