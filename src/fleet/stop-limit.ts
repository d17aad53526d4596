import type { Cancel, Clock } from '../core/clock.ts'

/** The time that the stop of a service may take; half of it is for requests in flight, the rest for the programs. */
export class StopLimit {
  readonly #clock: Clock
  readonly #drainingOver = Promise.withResolvers<void>()
  #byMs = Infinity
  #cancel: Cancel = () => undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when requests in flight have had their time; never, while no limit is set. */
  get drainingOver(): Promise<void> {
    return this.#drainingOver.promise
  }

  /** What is left of it; Infinity while no limit is set. */
  remainingMs(): number {
    return Math.max(0, this.#byMs - this.#clock.nowMs())
  }

  /** Sets the limit, or brings it forward. False if what is set is shorter already. */
  shorten(deadlineMs: number): boolean {
    const byMs = this.#clock.nowMs() + deadlineMs
    if (byMs >= this.#byMs) return false
    this.#byMs = byMs
    this.#cancel()
    this.#cancel = this.#clock.schedule(deadlineMs / 2, () => this.#drainingOver.resolve())
    return true
  }

  /** The stop is over. */
  close(): void {
    this.#cancel()
  }
}
