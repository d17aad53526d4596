import { availableParallelism } from 'node:os'
import type { Arrivals, Scenario } from '../blueprint/scenario.ts'
import { TenfoldError } from '../core/errors.ts'
import type { PoolLimits } from './connection-pool.ts'
import { OPENING_MAX } from './connection-pool.ts'
import type { LoadSecond } from './load-result.ts'

/** A run of load. */
export interface LoadOptions {
  /** Base address of the target, for example `http://127.0.0.1:8080`; no path. */
  target: string
  /**
   * PEM of certificates that are trusted for an `https:` target, whatever name they are for: its own, if it has signed it
   * itself. @default those that this machine trusts, for the name of the target
   */
  trusted?: string | undefined
  /** What users do; at least one. */
  scenarios: readonly Scenario[]
  /** How sessions arrive. @default { shape: 'poisson' } */
  arrivals?: Arrivals
  /** Sessions per second at the peak. */
  peakPerSecond: number
  /** How long sessions arrive. Answers are awaited after that for up to the time-out. */
  durationMs: number
  /** Load before that, at the rate the shape starts with, which is not measured. @default 0 */
  warmupMs?: number
  /** Repeats arrivals, scenarios and rows exactly. */
  seed: number
  /** Threads. @default by rate, one less than the machine has cores */
  workers?: number
  /** A user gives up this long after the intended start of a request. @default 10,000 */
  timeoutMs?: number
  /** Where relative paths in scenarios and traces start. @default the working directory */
  directory?: string
  /** Strictest latency bound of the objectives; a tenth of it may be the generator's own lag. @default none, hence 5 ms */
  latencyBoundMs?: number
  /** Seconds of the story per second of the run; only carried into the result. @default 1 */
  timeScale?: number
  /** Connections over all workers: kept open, and at most. @default 1 % of the rate, 8 to 64 a worker, and 4,096 */
  connections?: { min?: number; max?: number }
  /** Called after each second with what was measured in it. */
  onSecond?: (second: LoadSecond) => void
  /** Stops the run at once. */
  signal?: AbortSignal
}

/** Options after defaults and checks. */
export interface ResolvedLoadOptions extends Required<
  Omit<LoadOptions, 'trusted' | 'connections' | 'onSecond' | 'signal'>
> {
  /** For each worker. */
  readonly connections: PoolLimits
  readonly dueMax: number
}

/** Requests per second that one worker sends while its event loop stays well below `ELU_MAX`. */
const RATE_PER_WORKER = 30_000

const WORKERS_MAX = 64
const CONNECTIONS_MAX_DEFAULT = 4_096
/** Due requests that may wait, over all workers: at 16 bytes and a session each, some 100 MB at the worst. */
const DUE_MAX = 1_048_576

/**
 * Fills in defaults and refuses what can't work.
 *
 * @throws TF_OPTION_INVALID
 */
export function resolveLoadOptions(options: LoadOptions): ResolvedLoadOptions {
  const { scenarios, peakPerSecond, durationMs } = options
  check(scenarios.length > 0, 'scenarios', 'at least one', scenarios.length)
  for (const scenario of scenarios) check(scenario.steps.length > 0, `steps of "${scenario.name}"`, 'at least one', 0)
  check(peakPerSecond > 0 && peakPerSecond <= 1e7, 'peakPerSecond', 'above 0 and at most 10,000,000', peakPerSecond)
  check(durationMs > 0 && Number.isFinite(durationMs), 'durationMs', 'above 0', durationMs)
  const warmupMs = options.warmupMs ?? 0
  check(warmupMs >= 0 && Number.isFinite(warmupMs), 'warmupMs', '0 or more', warmupMs)
  const timeoutMs = options.timeoutMs ?? 10_000
  check(timeoutMs > 0 && timeoutMs <= 3_600_000, 'timeoutMs', 'above 0 and at most an hour', timeoutMs)
  const workers = options.workers ?? defaultWorkers(scenarios, peakPerSecond)
  check(Number.isInteger(workers) && workers >= 1 && workers <= WORKERS_MAX, 'workers', `1 to ${WORKERS_MAX}`, workers)
  const max = Math.ceil((options.connections?.max ?? CONNECTIONS_MAX_DEFAULT) / workers)
  check(max >= 1, 'connections.max', '1 or more', options.connections?.max)
  const wanted = options.connections?.min ?? Math.max(8 * workers, peakPerSecond / 100)
  const min = Math.min(OPENING_MAX, max, Math.max(1, Math.ceil(wanted / workers)))
  return {
    target: options.target,
    scenarios,
    arrivals: options.arrivals ?? { shape: 'poisson' },
    peakPerSecond,
    durationMs,
    warmupMs,
    seed: options.seed,
    workers,
    timeoutMs,
    directory: options.directory ?? process.cwd(),
    latencyBoundMs: options.latencyBoundMs ?? 0,
    timeScale: options.timeScale ?? 1,
    connections: { min, max },
    dueMax: Math.ceil(DUE_MAX / workers),
  }
}

function defaultWorkers(scenarios: readonly Scenario[], peakPerSecond: number): number {
  const weight = scenarios.reduce((sum, scenario) => sum + (scenario.weight ?? 1), 0)
  const steps = scenarios.reduce((sum, scenario) => sum + (scenario.weight ?? 1) * scenario.steps.length, 0) / weight
  const wanted = Math.ceil((peakPerSecond * steps) / RATE_PER_WORKER)
  return Math.max(1, Math.min(wanted, availableParallelism() - 1))
}

function check(isValid: boolean, name: string, expected: string, got: unknown): void {
  if (isValid) return
  throw new TenfoldError('TF_OPTION_INVALID', `expected ${name} to be ${expected}, got ${String(got)}`, {
    hint: `correct "${name}" of the load`,
  })
}
