import type { Failure, FailureKind } from './failure.ts'
import { FAILURE_KINDS } from './failure.ts'
import type { Meter } from './meter.ts'
import { COUNTERS } from './meter.ts'

/**
 * Writes down what happens to requests. Times are milliseconds of the run; whatever was intended before zero belongs
 * to the warm-up and is not written down.
 */
export interface Recorder {
  sessionPlanned(intendedMs: number): void
  sessionOffered(intendedMs: number): void
  sessionCompleted(intendedMs: number): void
  /** A request fell due; `handledMs` is when it was sent or had to wait for a connection. */
  due(intendedMs: number, handledMs: number): void
  /** An answer is complete, good or not. */
  answered(intendedMs: number, sentMs: number, nowMs: number): void
  passed(step: number, intendedMs: number, nowMs: number): void
  /** Ends its session, too. */
  failed(step: number, intendedMs: number, nowMs: number, failure: Failure): void
}

/** Failures described in words, a worker. */
const EXAMPLES_MAX = 50

/**
 * A recorder into the meter's present bank.
 *
 * @param onFailure gets the first `EXAMPLES_MAX` failures
 */
export function createRecorder(meter: Meter, onFailure: (step: number, failure: Failure) => void): Recorder {
  let examples = 0

  function count(counter: number, intendedMs: number): void {
    if (intendedMs < 0) return
    const { counters } = meter.bank
    counters[counter] = (counters[counter] as number) + 1
  }

  return {
    sessionPlanned: (intendedMs) => count(COUNTERS.sessionsPlanned, intendedMs),
    sessionOffered: (intendedMs) => count(COUNTERS.sessionsOffered, intendedMs),
    sessionCompleted: (intendedMs) => count(COUNTERS.sessionsCompleted, intendedMs),
    due(intendedMs, handledMs) {
      if (intendedMs < 0) return
      count(COUNTERS.requestsOffered, intendedMs)
      meter.bank.lag.record(microseconds(handledMs - intendedMs))
    },
    answered(intendedMs, sentMs, nowMs) {
      if (intendedMs >= 0) meter.bank.service.record(microseconds(nowMs - sentMs))
    },
    passed(step, intendedMs, nowMs) {
      if (intendedMs >= 0) meter.bank.succeeded[step]?.record(microseconds(nowMs - intendedMs))
    },
    failed(step, intendedMs, nowMs, failure) {
      if (intendedMs < 0) return
      const { bank } = meter
      bank.failed[step]?.record(microseconds(nowMs - intendedMs))
      const at = step * FAILURE_KINDS.length + KIND_INDEX[failure.kind]
      bank.failures[at] = (bank.failures[at] as number) + 1
      count(COUNTERS.sessionsFailed, intendedMs)
      if (examples++ < EXAMPLES_MAX) onFailure(step, failure)
    },
  }
}

const KIND_INDEX = Object.fromEntries(FAILURE_KINDS.map((kind, index) => [kind, index])) as Record<FailureKind, number>

/** Histograms hold whole microseconds. */
function microseconds(milliseconds: number): number {
  return milliseconds <= 0 ? 0 : Math.round(milliseconds * 1_000)
}
