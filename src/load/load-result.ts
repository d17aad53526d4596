import type { SerialisedHistogram } from '../core/histogram.ts'
import type { FailureKind } from './failure.ts'
import type { Validity } from './validity.ts'

/** What a run of load has measured; plain data that survives JSON. Latencies count from the intended start. */
export interface LoadResult {
  readonly target: string
  readonly seed: number
  readonly durationMs: number
  readonly warmupMs: number
  /** Seconds of the story per second of the run. */
  readonly timeScale: number
  readonly sessions: {
    /** In the schedule. */
    readonly planned: number
    /** Taken on in time. */
    readonly offered: number
    /** Went through all steps. */
    readonly completed: number
    /** Ended at a step that failed. */
    readonly failed: number
    /** Cut off by the end of the run before a step was due; neither completed nor failed. */
    readonly unfinished: number
  }
  readonly requests: {
    /** Fell due. */
    readonly offered: number
    /** Were answered completely, whatever the answer. */
    readonly completed: number
    /** Passed. */
    readonly succeeded: number
    /** Did not pass, for any reason in `failures`. */
    readonly failed: number
  }
  readonly failures: FailureCounts
  /** Some failures in words, each problem of each step once, at most 50. */
  readonly examples: readonly FailureExample[]
  readonly latency: LatencyResult
  readonly steps: readonly StepResult[]
  /** From sending to the end of the answer: what a closed loop would have reported. Microseconds. */
  readonly service: SerialisedHistogram
  /** One entry a second, from the first; ends when the last request has been answered or given up. */
  readonly seconds: readonly LoadSecond[]
  readonly generator: GeneratorResult
  readonly validity: Validity
}

/** Failed requests by kind. */
export type FailureCounts = Readonly<Record<FailureKind, number>>

/** A failure in words. */
export interface FailureExample {
  readonly scenario: string
  readonly step: string
  readonly kind: FailureKind
  readonly problem: string
}

/** Latencies in microseconds, and the usual percentiles of all of them in milliseconds. */
export interface LatencyResult {
  /** Of requests that passed. Judge objectives by these and the number of failures. */
  readonly succeeded: SerialisedHistogram
  /** Of requests that failed: until the failure, so at least the time-out for those that timed out. */
  readonly failed: SerialisedHistogram
  readonly msP50: number
  readonly msP90: number
  readonly msP95: number
  readonly msP99: number
  readonly msMax: number
}

/** One step of one scenario. */
export interface StepResult {
  readonly scenario: string
  readonly step: string
  readonly succeeded: number
  readonly failed: number
  readonly failures: FailureCounts
  readonly latency: LatencyResult
}

/** One second of a run. */
export interface LoadSecond {
  /** From 0. */
  readonly second: number
  /** Requests that fell due. */
  readonly offered: number
  /** Requests that ended, passed or not. */
  readonly completed: number
  readonly failed: number
  /** Of the requests that ended in this second; 0 where none did. */
  readonly latencyMsP50: number
  readonly latencyMsP95: number
  readonly latencyMsP99: number
  /** Requests that were sent and not yet answered at its end. */
  readonly inFlight: number
  /** Requests that waited for a connection at its end. */
  readonly waiting: number
}

/** What the generator used, and how it did. */
interface GeneratorResult {
  readonly workers: number
  /** Its own delay, microseconds: from the intended start until a request was sent or had to wait for a connection. */
  readonly lag: SerialisedHistogram
  readonly lagMsP99: number
  /** Event-loop utilisation of the busiest worker, 0 to 1. */
  readonly elu: number
  /** User and system time of the workers, from the end of the warm-up to the last answer. */
  readonly cpuSeconds: number
  /** Most connections that were open at once. */
  readonly connectionsMax: number
  /** Whether more connections were wanted than allowed. Latencies are right all the same: they include that wait. */
  readonly isConnectionLimited: boolean
}
