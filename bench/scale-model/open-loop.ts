import { deserialiseHistogram } from '../../src/core/histogram.ts'
import type { LoadResult } from '../../src/load/load-result.ts'
import { runLoad } from '../../src/load/run-load.ts'
import { readAll, throttledShare } from './closed-loop.ts'
import type { Machine } from './stage.ts'

/** Response times, and what made them. */
export interface Latency {
  readonly requests: number
  readonly failed: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly cpuMsPerRequest: number
  readonly throttledShare: number
  readonly generatorLagMsP99: number
  readonly generatorElu: number
  readonly isValid: number
}

const WARM_UP_MS = 500

/**
 * Poisson arrivals, spread at random over some paths: that is a Poisson stream for each. With a path for every instance
 * this measures several equal machines at once, each as if it were alone.
 */
export async function openLoop(
  url: string,
  paths: readonly string[],
  machines: readonly Machine[],
  options: { ratePerSecondEach: number; seconds: number; seed: number; signal: AbortSignal },
): Promise<Latency> {
  const before = readAll(machines)
  const result = await runLoad({
    target: url,
    scenarios: paths.map((path, index) => ({ name: `path ${index}`, steps: [{ name: 'work', path }] })),
    peakPerSecond: options.ratePerSecondEach * paths.length,
    durationMs: options.seconds * 1_000,
    warmupMs: WARM_UP_MS,
    timeoutMs: 30_000,
    connections: { min: 32 },
    seed: options.seed,
    signal: options.signal,
  })
  const after = readAll(machines)
  return {
    ...latencyOf(result),
    // The warm-up's requests used some, too.
    cpuMsPerRequest:
      ((after.cpuSeconds - before.cpuSeconds) * 1_000) /
      (result.requests.completed * (1 + WARM_UP_MS / (options.seconds * 1_000))),
    throttledShare: throttledShare(before, after),
  }
}

function latencyOf({
  requests,
  latency,
  generator,
  validity,
}: LoadResult): Omit<Latency, 'throttledShare' | 'cpuMsPerRequest'> {
  return {
    requests: requests.completed,
    failed: requests.failed,
    meanMs: deserialiseHistogram(latency.succeeded).mean / 1_000,
    p50Ms: latency.msP50,
    p95Ms: latency.msP95,
    p99Ms: latency.msP99,
    maxMs: latency.msMax,
    generatorLagMsP99: generator.lagMsP99,
    generatorElu: generator.elu,
    isValid: validity.state === 'valid' ? 1 : 0,
  }
}
