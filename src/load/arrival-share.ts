import type { ArrivalProcess } from './arrival.ts'

/** The arrivals of one worker: every n-th of all, so that the workers together bring exactly the whole. */
export interface ArrivalShare {
  /** When the next one is intended; Infinity when there are no more. */
  readonly nextMs: number
  /**
   * Moves on.
   *
   * @returns the number, among all arrivals of the run, of the one that `nextMs` told
   */
  take(): number
}

const CHUNK = 1_024

/** The share of worker `worker` of `workers`; it reads the process in chunks, as far as it is needed. */
export function createArrivalShare(arrivals: ArrivalProcess, worker: number, workers: number): ArrivalShare {
  return new Share(arrivals, worker, workers)
}

class Share implements ArrivalShare {
  nextMs = Number.POSITIVE_INFINITY
  readonly #arrivals: ArrivalProcess
  readonly #worker: number
  readonly #workers: number
  readonly #chunk = new Float64Array(CHUNK)
  #at = 0
  #length = 0
  /** Number of the arrival at `#at`. */
  #index = 0

  constructor(arrivals: ArrivalProcess, worker: number, workers: number) {
    this.#arrivals = arrivals
    this.#worker = worker
    this.#workers = workers
    this.#seek()
  }

  take(): number {
    const index = this.#index
    this.#at++
    this.#index++
    this.#seek()
    return index
  }

  #seek(): void {
    for (;;) {
      if (this.#at === this.#length) {
        this.#length = this.#arrivals.fill(this.#chunk)
        this.#at = 0
        if (this.#length === 0) {
          this.nextMs = Number.POSITIVE_INFINITY
          return
        }
      }
      if (this.#index % this.#workers === this.#worker) break
      this.#at++
      this.#index++
    }
    this.nextMs = this.#chunk[this.#at] as number
  }
}
