import type { Scenario } from '../blueprint/scenario.ts'
import type { Histogram } from '../core/histogram.ts'
import { createHistogram } from '../core/histogram.ts'
import { FAILURE_KINDS } from './failure.ts'
import type { FailureCounts, LatencyResult, LoadResult, StepResult } from './load-result.ts'
import type { Bank } from './meter.ts'
import { COUNTERS, failureCount } from './meter.ts'

/** The part of a result that follows from what the workers have measured. */
export type Measured = Pick<LoadResult, 'sessions' | 'requests' | 'failures' | 'latency' | 'steps' | 'service'>

/** Adds up a bank over all steps and describes each step. */
export function summarise(bank: Bank, scenarios: readonly Scenario[], unfinished: number): Measured {
  const counter = (name: keyof typeof COUNTERS): number => bank.counters[COUNTERS[name]] as number
  const succeeded = mergeAll(bank.succeeded)
  const failed = mergeAll(bank.failed)
  const failures = failureCounts(bank)
  return {
    sessions: {
      planned: counter('sessionsPlanned'),
      offered: counter('sessionsOffered'),
      completed: counter('sessionsCompleted'),
      failed: counter('sessionsFailed'),
      unfinished,
    },
    requests: {
      offered: counter('requestsOffered'),
      completed: succeeded.count + failures.status + failures.check,
      succeeded: succeeded.count,
      failed: failed.count,
    },
    failures,
    latency: latencyResult(succeeded, failed),
    steps: stepNames(scenarios).map((names, step) => stepResult(bank, step, names)),
    service: bank.service.serialise(),
  }
}

/** Scenario and step names by the index of the step. */
export function stepNames(scenarios: readonly Scenario[]): { scenario: string; step: string }[] {
  return scenarios.flatMap((scenario) => scenario.steps.map((step) => ({ scenario: scenario.name, step: step.name })))
}

function stepResult(bank: Bank, step: number, names: { scenario: string; step: string }): StepResult {
  const succeeded = bank.succeeded[step] as Histogram
  const failed = bank.failed[step] as Histogram
  return {
    ...names,
    succeeded: succeeded.count,
    failed: failed.count,
    failures: failureCounts(bank, step),
    latency: latencyResult(succeeded, failed),
  }
}

function latencyResult(succeeded: Histogram, failed: Histogram): LatencyResult {
  const all = mergeAll([succeeded, failed])
  return {
    succeeded: succeeded.serialise(),
    failed: failed.serialise(),
    msP50: all.percentile(50) / 1_000,
    msP90: all.percentile(90) / 1_000,
    msP95: all.percentile(95) / 1_000,
    msP99: all.percentile(99) / 1_000,
    msMax: all.max / 1_000,
  }
}

function failureCounts(bank: Bank, step?: number): FailureCounts {
  return Object.fromEntries(FAILURE_KINDS.map((kind) => [kind, failureCount(bank, kind, step)])) as FailureCounts
}

function mergeAll(histograms: readonly Histogram[]): Histogram {
  const merged = createHistogram()
  for (const histogram of histograms) merged.merge(histogram)
  return merged
}
