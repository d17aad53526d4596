import type { Histogram } from '../core/histogram.ts'
import { createHistogram } from '../core/histogram.ts'
import { FAILURE_KINDS } from './failure.ts'
import type { LoadSecond } from './load-result.ts'
import type { Bank } from './meter.ts'
import { COUNTERS, failureCount } from './meter.ts'
import type { LoopSecond } from './open-loop.ts'

/** Adds up what the workers report for each second, and gives a second out once all have reported it. */
export interface SecondMerger {
  /** @param bank what the worker measured since its last report, if it could hand it over */
  add(report: LoopSecond, bank: Bank | undefined): void
  /** A worker reports no more. */
  leave(): void
}

interface Pending {
  readonly latency: Histogram
  reports: number
  offered: number
  failed: number
  inFlight: number
  waiting: number
}

/** A merger for a number of workers; `onSecond` is called in the order of the seconds. */
export function createSecondMerger(workers: number, onSecond: (second: LoadSecond) => void): SecondMerger {
  const pending = new Map<number, Pending>()
  let active = workers
  let next = 0

  function release(): void {
    for (let entry = pending.get(next); entry !== undefined; entry = pending.get(next)) {
      if (entry.reports < active) return
      pending.delete(next)
      onSecond(secondOf(next++, entry))
    }
  }

  return {
    add(report, bank) {
      let entry = pending.get(report.second)
      if (entry === undefined) {
        entry = { latency: createHistogram(), reports: 0, offered: 0, failed: 0, inFlight: 0, waiting: 0 }
        pending.set(report.second, entry)
      }
      entry.reports++
      entry.inFlight += report.inFlight
      entry.waiting += report.due
      if (bank !== undefined) addToSecond(entry, bank)
      release()
    },
    leave() {
      active--
      release()
    },
  }
}

function addToSecond(entry: Pending, bank: Bank): void {
  for (const histogram of [...bank.succeeded, ...bank.failed]) entry.latency.merge(histogram)
  entry.offered += bank.counters[COUNTERS.requestsOffered] as number
  for (const kind of FAILURE_KINDS) entry.failed += failureCount(bank, kind)
}

function secondOf(second: number, { latency, offered, failed, inFlight, waiting }: Pending): LoadSecond {
  return {
    second,
    offered,
    completed: latency.count,
    failed,
    latencyMsP50: latency.percentile(50) / 1_000,
    latencyMsP95: latency.percentile(95) / 1_000,
    latencyMsP99: latency.percentile(99) / 1_000,
    inFlight,
    waiting,
  }
}
