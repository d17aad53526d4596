import { createHistogram, HISTOGRAM_BYTES } from '../core/histogram.ts'
import type { Histogram } from '../core/histogram.ts'
import type { FailureKind } from './failure.ts'
import { FAILURE_KINDS } from './failure.ts'

/** What a worker measures in one stretch of time; all histograms are in microseconds. */
export interface Bank {
  /** Latency of the requests that passed, from the intended start, by step. */
  readonly succeeded: readonly Histogram[]
  /** Latency of the requests that failed, from the intended start to the failure, by step. */
  readonly failed: readonly Histogram[]
  /** From sending to the end of the answer. */
  readonly service: Histogram
  /** How late the generator itself was: from the intended start until the request was sent, or had to wait for a connection. */
  readonly lag: Histogram
  /** Failures by step and kind: `step * FAILURE_KINDS.length + kind`. */
  readonly failures: Float64Array
  /** Counters; see `COUNTERS`. */
  readonly counters: Float64Array
}

/** Meanings of `Bank.counters`, by index. */
export const COUNTERS = {
  /** Sessions in the schedule. */
  sessionsPlanned: 0,
  /** Sessions that were taken on in time. */
  sessionsOffered: 1,
  /** Sessions that went through all steps. */
  sessionsCompleted: 2,
  sessionsFailed: 3,
  /** Requests that fell due. */
  requestsOffered: 4,
} as const

const COUNTER_COUNT = Object.keys(COUNTERS).length

/** The memory of a worker's measurements: two banks, one being written while the other is read. */
export interface MeterMemory {
  readonly stepCount: number
  /** For each bank: 0 the worker may write it, 1 it waits to be read. */
  readonly states: SharedArrayBuffer
  readonly banks: readonly (readonly SharedArrayBuffer[])[]
}

/** Memory for a worker, of fixed size whatever rate and duration. */
export function createMeterMemory(stepCount: number): MeterMemory {
  const bank = (): SharedArrayBuffer[] => [
    ...Array.from({ length: 2 * stepCount + 2 }, () => new SharedArrayBuffer(HISTOGRAM_BYTES)),
    new SharedArrayBuffer(8 * stepCount * FAILURE_KINDS.length),
    new SharedArrayBuffer(8 * COUNTER_COUNT),
  ]
  return { stepCount, states: new SharedArrayBuffer(8), banks: [bank(), bank()] }
}

/** One of the two banks. */
function bankOf(memory: MeterMemory, which: number): Bank {
  const { stepCount } = memory
  const buffers = memory.banks[which] as SharedArrayBuffer[]
  const histograms = buffers.slice(0, 2 * stepCount + 2).map((buffer) => createHistogram(buffer))
  return {
    succeeded: histograms.slice(0, stepCount),
    failed: histograms.slice(stepCount, 2 * stepCount),
    service: histograms[2 * stepCount] as Histogram,
    lag: histograms[2 * stepCount + 1] as Histogram,
    failures: new Float64Array(buffers[2 * stepCount + 2] as SharedArrayBuffer),
    counters: new Float64Array(buffers[2 * stepCount + 3] as SharedArrayBuffer),
  }
}

/** A bank outside of shared memory, to add others to. */
export function createBank(stepCount: number): Bank {
  return bankOf(createMeterMemory(stepCount), 0)
}

/** Adds what `from` measured to `into`. */
export function addBank(into: Bank, from: Bank): void {
  from.succeeded.forEach((histogram, step) => into.succeeded[step]?.merge(histogram))
  from.failed.forEach((histogram, step) => into.failed[step]?.merge(histogram))
  into.service.merge(from.service)
  into.lag.merge(from.lag)
  from.failures.forEach((count, index) => (into.failures[index] = (into.failures[index] as number) + count))
  from.counters.forEach((count, index) => (into.counters[index] = (into.counters[index] as number) + count))
}

/** Forgets what a bank holds. */
function resetBank(bank: Bank): void {
  for (const histogram of [...bank.succeeded, ...bank.failed, bank.service, bank.lag]) histogram.reset()
  bank.failures.fill(0)
  bank.counters.fill(0)
}

/** Failures of one kind, over one step or all. */
export function failureCount(bank: Bank, kind: FailureKind, step?: number): number {
  const offset = FAILURE_KINDS.indexOf(kind)
  let count = 0
  for (let i = offset; i < bank.failures.length; i += FAILURE_KINDS.length) {
    if (step === undefined || i === step * FAILURE_KINDS.length + offset) count += bank.failures[i] as number
  }
  return count
}

/** The worker's side: where to measure now, and how to hand over. */
export interface Meter {
  readonly bank: Bank
  /**
   * Starts a fresh bank.
   *
   * @returns the bank to read, or undefined where the reader has not come round yet: then this one just goes on
   */
  flip(): number | undefined
  /** Hands over what is left; nothing may be measured afterwards. */
  finish(): number
}

export function createMeter(memory: MeterMemory): Meter {
  const states = new Int32Array(memory.states)
  const banks = [bankOf(memory, 0), bankOf(memory, 1)] as const
  let active: 0 | 1 = 0
  return {
    get bank() {
      return banks[active]
    },
    flip() {
      const other = active === 0 ? 1 : 0
      if (Atomics.load(states, other) !== 0) return undefined
      const full = active
      Atomics.store(states, full, 1)
      active = other
      return full
    },
    finish() {
      Atomics.store(states, active, 1)
      return active
    },
  }
}

/**
 * The reader's side: calls `read` with a bank that was handed over, then gives it back empty.
 *
 * @example readBank(memory, 0, (bank) => addBank(total, bank))
 */
export function readBank(memory: MeterMemory, which: number, read: (bank: Bank) => void): void {
  const bank = bankOf(memory, which)
  read(bank)
  resetBank(bank)
  Atomics.store(new Int32Array(memory.states), which, 0)
}
