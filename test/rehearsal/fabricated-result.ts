import { createHistogram } from '../../src/core/histogram.ts'
import type { FailureCounts, LatencyResult, LoadResult, StepResult } from '../../src/load/load-result.ts'

/** A step as it was measured: this many requests, each of this latency, and failures. */
export interface FabricatedStep {
  readonly step: string
  readonly scenario?: string
  readonly count: number
  readonly latencyMs: number
  readonly failed?: number
}

/** The result of a load that nobody has run. */
export function fabricatedResult(steps: readonly FabricatedStep[], changes: Partial<LoadResult> = {}): LoadResult {
  const results = steps.map(stepResult)
  const succeeded = results.reduce((sum, step) => sum + step.succeeded, 0)
  const failed = results.reduce((sum, step) => sum + step.failed, 0)
  return {
    target: 'http://127.0.0.1:8080',
    seed: 7,
    durationMs: 4_000,
    warmupMs: 3_000,
    timeScale: 1,
    sessions: { planned: 10, offered: 10, completed: 10, failed: 0, unfinished: 0 },
    requests: { offered: succeeded + failed, completed: succeeded + failed, succeeded, failed },
    failures: NO_FAILURES,
    examples: [],
    latency: latency(succeeded, steps[0]?.latencyMs ?? 0),
    steps: results,
    service: createHistogram().serialise(),
    seconds: [0, 1, 2, 3].map((second) => ({
      second,
      offered: 25,
      completed: 25,
      failed: 0,
      latencyMsP50: 10,
      latencyMsP95: 20 * (second + 1),
      latencyMsP99: 90,
      inFlight: 1,
      waiting: 0,
    })),
    generator: {
      workers: 1,
      lag: createHistogram().serialise(),
      lagMsP99: 1.25,
      elu: 0.1,
      cpuSeconds: 0.4,
      connectionsMax: 8,
      isConnectionLimited: false,
    },
    validity: { state: 'valid' },
    ...changes,
  }
}

const NO_FAILURES = {} as FailureCounts

function stepResult({ step, scenario = 'visit', count, latencyMs, failed = 0 }: FabricatedStep): StepResult {
  return { scenario, step, succeeded: count, failed, failures: NO_FAILURES, latency: latency(count, latencyMs) }
}

function latency(count: number, latencyMs: number): LatencyResult {
  const succeeded = createHistogram()
  for (let i = 0; i < count; i++) succeeded.record(latencyMs * 1_000)
  return {
    succeeded: succeeded.serialise(),
    failed: createHistogram().serialise(),
    msP50: latencyMs,
    msP90: latencyMs,
    msP95: latencyMs,
    msP99: latencyMs,
    msMax: latencyMs,
  }
}
