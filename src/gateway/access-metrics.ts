import type { Histogram } from '../core/histogram.ts'
import { createHistogram } from '../core/histogram.ts'

/** What is counted for one service. Counting is an addition or two for a request; frames are made once a second. */
export interface ServiceMetrics {
  /** Requests between arrival and the last byte, now. */
  inFlight: number
  /** Requests that wait for an instance, now. */
  queued: number
  retries: number
  /** Attempts that an instance refused, broke off or did not answer in time. */
  upstreamFailures: number
  /** Requests whose client left before the last byte. */
  aborted: number
  /** Answered requests by the first digit of their status: index 2 holds 200 to 299. */
  readonly answered: Uint32Array
  /** From the arrival of the head to the last byte, microseconds. */
  readonly latencyUs: Histogram
  /** One request has been answered to the last byte. */
  record(status: number, latencyMs: number): void
  /** Forgets what was added; levels stay. */
  reset(): void
}

export function createServiceMetrics(): ServiceMetrics {
  const answered = new Uint32Array(10)
  const latencyUs = createHistogram()
  return {
    inFlight: 0,
    queued: 0,
    retries: 0,
    upstreamFailures: 0,
    aborted: 0,
    answered,
    latencyUs,
    record(status, latencyMs) {
      answered[(status / 100) | 0]! += 1
      latencyUs.record(Math.round(latencyMs * 1_000))
    },
    reset() {
      this.retries = 0
      this.upstreamFailures = 0
      this.aborted = 0
      answered.fill(0)
      latencyUs.reset()
    },
  }
}
