import type { Scenario } from '../blueprint/scenario.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock, withTimeout } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import { planArrivals } from './plan-arrivals.ts'
import { loadFeeds } from './feed.ts'
import { createCollector } from './collector.ts'
import type { LoadResult } from './load-result.ts'
import type { LoadOptions } from './load-options.ts'
import { resolveLoadOptions } from './load-options.ts'
import { withWarmup } from './rate-curve.ts'
import { compileScenarios } from './scenario.ts'
import { resolveTarget } from './target.ts'
import { startWorkerThread } from './worker-thread.ts'

/** Connections must be open and modules loaded within this. */
const READY_TIMEOUT_MS = 20_000

/** From the message that starts the workers to time zero. */
const START_DELAY_MS = 25

/**
 * Puts load on a target: sessions arrive at their intended times, whatever the target does, and every latency counts
 * from the intended start. Memory does not depend on rate or duration, apart from one small entry a second.
 *
 * Look at `validity` first: a run in which the generator was the limit says nothing about the target.
 *
 * @throws TF_TARGET_UNREACHABLE when no connection can be opened at the start, TF_OPTION_INVALID, TF_TARGET_INVALID,
 *   TF_SCENARIO_INVALID, TF_FEED_INVALID, TF_TRACE_INVALID, TF_LOAD_WORKER_FAILED, and TF_ABORTED by the signal
 * @example
 * const result = await runLoad({ target: 'http://127.0.0.1:8080', scenarios: [dinner], peakPerSecond: 40, durationMs: 30_000, seed: 1 })
 * result.latency.msP95 // 12.4
 */
export async function runLoad(options: LoadOptions, clock: Clock = systemClock): Promise<LoadResult> {
  const resolved = resolveLoadOptions(options)
  throwIfAborted(options.signal)
  const target = await resolveTarget(resolved.target, options.trusted)
  const feeds = await loadFeeds(resolved.scenarios, resolved.directory)
  const { curve, spacing } = await planArrivals(resolved.arrivals, resolved, resolved.directory)
  // Mistakes come out here, with one error, and not from every worker.
  compileScenarios(resolved.scenarios, feeds, target.host)

  const collector = createCollector(resolved, options.onSecond)
  const threads = Array.from({ length: resolved.workers }, (_, worker) =>
    startWorkerThread(
      {
        ...target,
        feeds,
        worker,
        scenarios: resolved.scenarios,
        directory: resolved.directory,
        plan: { spacing, curve: withWarmup(curve, resolved.warmupMs) },
        seed: resolved.seed,
        workers: resolved.workers,
        durationMs: resolved.durationMs,
        warmupMs: resolved.warmupMs,
        timeoutMs: resolved.timeoutMs,
        connections: resolved.connections,
        dueMax: resolved.dueMax,
      },
      collector,
    ),
  )
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(abortError(options.signal))
  options.signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const ready = Promise.all(threads.map((thread) => thread.ready))
    await Promise.race([
      withTimeout(clock, READY_TIMEOUT_MS, `connections to ${resolved.target}`, ready),
      aborted.promise,
    ])
    for (const thread of threads) thread.start(clock.epochMs() + START_DELAY_MS + resolved.warmupMs)
    const ends = await Promise.race([Promise.all(threads.map((thread) => thread.ended)), aborted.promise])
    return collector.result(ends)
  } finally {
    options.signal?.removeEventListener('abort', onAbort)
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
}

/** A load of one request, repeated. */
export interface RequestsOptions extends Omit<LoadOptions, 'scenarios' | 'peakPerSecond'> {
  /** Requests per second at the peak. */
  ratePerSecond: number
  /** What is requested; no placeholders. @default GET / */
  request?: Omit<Scenario['steps'][number], 'name' | 'extract' | 'think' | 'code'>
}

/** Puts the load of one request on a target, as fast as this generator goes; otherwise as `runLoad`. */
export function runRequests(options: RequestsOptions): Promise<LoadResult> {
  const { ratePerSecond, request = { path: '/' }, ...rest } = options
  const scenario: Scenario = { name: 'requests', steps: [{ ...request, name: 'request' }] }
  return runLoad({ ...rest, peakPerSecond: ratePerSecond, scenarios: [scenario] })
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortError(signal)
}

function abortError(signal: AbortSignal | undefined): TenfoldError {
  return new TenfoldError('TF_ABORTED', 'expected the load to run to its end, but it was cancelled', {
    cause: signal?.reason,
  })
}
