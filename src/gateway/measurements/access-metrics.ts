import type { Histogram } from '../../core/histogram.ts'
import { createHistogram } from '../../core/histogram.ts'
import type { OutReason } from '../health/service-health.ts'

/** What is counted for one service. Counting is an addition or two for a request; frames are made once a second. */
export interface ServiceMetrics {
  /** Requests between arrival and the last byte, now. */
  inFlight: number
  /** Requests that wait for an instance, now. */
  queued: number
  retries: number
  /** Retries that would have been safe, but that the service's budget did not have. */
  retriesRefused: number
  /** Attempts that an instance refused, broke off or did not answer in time. */
  upstreamFailures: number
  /** Requests whose client left before the last byte. */
  aborted: number
  /**
   * From the arrival of the head to the last byte, microseconds, by the first digit of the status: index 2 holds 200 to
   * 299. Its count is the number of requests.
   */
  readonly latencyUs: readonly (Histogram | undefined)[]
  /** Instances that went out, by id and reason. */
  readonly outs: Map<string, { instance: string; reason: OutReason; count: number }>
  countOut(instance: string, reason: OutReason): void
  /** One request has been answered to the last byte. */
  record(status: number, latencyMs: number): void
  /** Forgets what was added; levels stay. */
  reset(): void
}

export function createServiceMetrics(): ServiceMetrics {
  const latencyUs: (Histogram | undefined)[] = Array.from({ length: 10 }, () => undefined)
  return {
    inFlight: 0,
    queued: 0,
    retries: 0,
    retriesRefused: 0,
    upstreamFailures: 0,
    aborted: 0,
    latencyUs,
    outs: new Map(),
    countOut(instance, reason) {
      const key = `${instance} ${reason}`
      const known = this.outs.get(key)
      if (known === undefined) this.outs.set(key, { instance, reason, count: 1 })
      else known.count += 1
    },
    record(status, latencyMs) {
      const histogram = (latencyUs[(status / 100) | 0] ??= createHistogram())
      histogram.record(Math.round(latencyMs * 1_000))
    },
    reset() {
      this.retries = 0
      this.retriesRefused = 0
      this.upstreamFailures = 0
      this.aborted = 0
      this.outs.clear()
      for (const histogram of latencyUs) histogram?.reset()
    },
  }
}
