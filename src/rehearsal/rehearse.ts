import type { ResolvedBlueprint, ResolvedLoad } from '../blueprint/resolved-blueprint.ts'
import { histogramOf } from '../control/frame-query.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import { readCertificate } from '../core/certificate.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import { createHistogram } from '../core/histogram.ts'
import type { LoadResult, LoadSecond } from '../load/load-result.ts'
import { planArrivals } from '../load/plan-arrivals.ts'
import { middleOfPeakMs } from '../load/rate-curve.ts'
import { runLoad } from '../load/run-load.ts'
import { strictestBoundMs } from '../objectives/objective.ts'
import type { Measurement } from '../objectives/verdict.ts'
import { judgeObjective } from '../objectives/verdict.ts'
import type { RehearsalReport, RehearsedDrill, ServiceVerdict } from './rehearsal-report.ts'
import { stepsOf } from './route-steps.ts'

/** What to rehearse, and against what. */
export interface RehearsalOptions {
  readonly blueprint: ResolvedBlueprint
  /** Base URL of the running system's public listener. */
  readonly target: string
  /** Names the rehearsal in reports. */
  readonly id: string
  /** Repeats the load exactly. */
  readonly seed: number
  /** Multiple of the blueprint's peak. @default 1 */
  readonly times?: number
  /** @default the blueprint's */
  readonly durationMs?: number
  /** That of the system, for the report. @default 1 */
  readonly controlTimeScale?: number
  /** A disaster, made to happen in the middle of the peak. */
  readonly drill?: RehearsedDisaster | undefined
  /** The system's frames since an instant, for services that users do not reach themselves. */
  readonly framesSince: (epochMs: number) => Promise<readonly MetricFrame[]>
  readonly onSecond?: (second: LoadSecond) => void
  readonly signal?: AbortSignal
  readonly clock?: Clock
}

/** What is made to happen. */
export interface RehearsedDisaster {
  /** `failover` and the like. */
  readonly name: string
  /** Resolves when it has happened, with what was done. */
  strike(): Promise<string>
}

/** Not measured: connections, caches and just-in-time compilers get to the state they have on any working day. */
export const WARMUP_MS = 3_000

/**
 * Puts a running system under its peak and judges every objective by what users saw.
 *
 * @throws TF_LOAD_MISSING when the blueprint has no load; what `runLoad` throws
 */
export async function rehearse(options: RehearsalOptions): Promise<RehearsalReport> {
  const { blueprint, clock = systemClock, times = 1, controlTimeScale = 1 } = options
  const load = requireLoad(blueprint)
  const startedEpochMs = clock.epochMs()
  const bounds = Object.values(blueprint.objectives).flatMap((objective) => strictestBoundMs(objective) ?? [])
  const durationMs = options.durationMs ?? load.durationMs
  const peakPerSecond = load.peakPerSecond * times
  const { curve } = await planArrivals(load.arrivals, { peakPerSecond, durationMs }, blueprint.directory)
  const disaster = options.drill === undefined ? undefined : disasterAt(middleOfPeakMs(curve), options.drill)
  const result = await runLoad(
    {
      target: options.target,
      trusted: await trustedBy(blueprint, options.target),
      scenarios: load.scenarios,
      arrivals: load.arrivals,
      peakPerSecond,
      durationMs,
      warmupMs: WARMUP_MS,
      seed: options.seed,
      directory: blueprint.directory,
      timeScale: load.timeScale,
      ...(bounds.length === 0 ? {} : { latencyBoundMs: Math.min(...bounds) }),
      onSecond(second) {
        disaster?.onSecond(second)
        options.onSecond?.(second)
      },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
    clock,
  )
  const frames = await options.framesSince(startedEpochMs + WARMUP_MS)
  const verdicts = judge(blueprint, load, result, frames)
  return {
    layout: 1,
    id: options.id,
    system: blueprint.name,
    configuration: blueprint.configuration,
    startedEpochMs,
    times,
    peakPerSecond,
    arrivals: load.arrivals,
    ...(controlTimeScale === 1 ? {} : { controlTimeScale }),
    ...(disaster === undefined ? {} : { drill: await disaster.happened() }),
    load: result,
    verdicts,
    state: stateOf(verdicts, result),
  }
}

/**
 * What is shown to who asks for no name, as the generator does: it goes to the address of its own system, so the name does
 * not matter, and who has signed it neither. @throws TF_CERTIFICATE_UNUSABLE
 */
async function trustedBy({ gateway }: ResolvedBlueprint, target: string): Promise<string | undefined> {
  const [first] = target.startsWith('https:') ? gateway.certificates : []
  return first === undefined ? undefined : (await readCertificate(first)).certificate
}

/** Makes it happen once, when the load has come to that time. */
function disasterAt(
  timeMs: number,
  { name, strike }: RehearsedDisaster,
): { onSecond(second: LoadSecond): void; happened(): Promise<RehearsedDrill> } {
  let happening: Promise<RehearsedDrill> | undefined
  return {
    onSecond({ second }) {
      const afterMs = (second + 1) * 1_000
      if (happening !== undefined || afterMs < timeMs) return
      happening = strike().then((text) => ({ name, text, afterMs }))
      // Told when the load is over.
      happening.catch(() => undefined)
    },
    happened: () => happening ?? Promise.reject(new Error(`expected the load to come to ${timeMs} ms`)),
  }
}

/** The load of a blueprint. @throws TF_LOAD_MISSING */
export function requireLoad({ load, file }: ResolvedBlueprint): ResolvedLoad {
  if (load !== undefined) return load
  throw new TenfoldError('TF_LOAD_MISSING', `expected ${file} to describe its load, got none`, {
    hint: "add load: { peak: '10 sessions/s', scenarios: [...] }; docs/guides/scenarios.md shows how",
    details: { file },
  })
}

/** A verdict for each objective. Pure. */
export function judge(
  blueprint: Pick<ResolvedBlueprint, 'services' | 'objectives'>,
  load: Pick<ResolvedLoad, 'scenarios'>,
  result: LoadResult,
  frames: readonly MetricFrame[],
): readonly ServiceVerdict[] {
  const invalid = result.validity.state === 'valid' ? [] : result.validity.reasons
  return Object.values(blueprint.objectives).map((objective) => {
    const { service } = objective
    const steps = stepsOf(service, blueprint.services, load.scenarios)
    const isReached = steps.length > 0
    const measurement = isReached ? measuredByUsers(result, steps) : measuredByGateway(service, frames)
    return {
      service,
      objective,
      measuredAt: isReached ? 'users' : 'gateway',
      verdict: judgeObjective(objective, measurement, { invalid }),
    }
  })
}

function measuredByUsers(result: LoadResult, steps: ReturnType<typeof stepsOf>): Measurement {
  const succeeded = createHistogram()
  let failed = 0
  for (const measured of result.steps) {
    if (!steps.some(({ scenario, step }) => scenario === measured.scenario && step === measured.step)) continue
    succeeded.merge(measured.latency.succeeded)
    failed += measured.failed
  }
  return { succeeded, failed }
}

function measuredByGateway(service: string, frames: readonly MetricFrame[]): Measurement {
  const name = 'http.server.request.duration'
  const succeeded = histogramOf(frames, { name, labels: { service, status_class: ['2xx', '3xx', '4xx'] } })
  const failed = histogramOf(frames, { name, labels: { service, status_class: '5xx' } })
  return { succeeded, failed: failed.count }
}

/** A rehearsal that nobody could fail has not been passed either. */
function stateOf(verdicts: readonly ServiceVerdict[], { validity }: LoadResult): RehearsalReport['state'] {
  const states = verdicts.map(({ verdict }) => verdict.state)
  if (validity.state !== 'valid' || states.length === 0) return 'invalid'
  if (states.includes('broken')) return 'failed'
  return states.includes('invalid') ? 'invalid' : 'passed'
}
