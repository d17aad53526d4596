import { interleave, median, spread } from '../benchmark.ts'
import type { Figures } from '../benchmark.ts'
import type { Saturation } from './closed-loop.ts'
import { closedLoop } from './closed-loop.ts'
import type { PointResult } from './latency-shape.ts'
import { measurePoints, SOLOS } from './latency-shape.ts'
import type { Rig } from './rig.ts'
import { holdAll } from './rig.ts'

/** What one period does at a quota. */
export interface PeriodOptions {
  readonly cpu: number
  readonly periodsMs: readonly number[]
  readonly coreMs: number
  readonly utilisations: readonly number[]
  readonly rounds: number
  readonly seconds: number
}

/** Latency and throughput of the same share of a core, handed out in larger and smaller pieces. */
export async function measurePeriods(rig: Rig, options: PeriodOptions): Promise<Figures> {
  const { cpu, periodsMs, coreMs, utilisations, rounds, seconds } = options
  rig.context.log(`periods of ${periodsMs.join(', ')} ms at ${cpu} CPU, ${coreMs} ms a request`)
  const saturated = await interleave<string, Saturation>(
    rounds,
    Object.fromEntries(periodsMs.map((periodMs) => [String(periodMs), () => saturate(rig, options, periodMs)])),
  )
  const points = utilisations.flatMap((utilisation) =>
    periodsMs.map((periodMs) => ({ quota: { cpu, periodMs }, coreMs, utilisation, seconds })),
  )
  const results = await measurePoints(rig, points, rounds)
  const figures: Record<string, number> = {}
  for (const periodMs of periodsMs) {
    const perSecond = (saturated[periodMs] ?? []).map(({ requestsPerSecond }) => requestsPerSecond)
    const suffix = `Of${coreMs}msAt${percentOf(cpu)}PctPeriod${periodMs}`
    figures[`perSecond${suffix}`] = median(perSecond)
    figures[`perSecondSpread${suffix}`] = spread(perSecond)
    figures[`quotaUsed${suffix}`] =
      median((saturated[periodMs] ?? []).map(({ cpuSecondsPerSecond }) => cpuSecondsPerSecond)) / (cpu * SOLOS.length)
    figures[`cpuMs${suffix}`] = median((saturated[periodMs] ?? []).map(({ cpuMsPerRequest }) => cpuMsPerRequest))
  }
  return Object.assign(figures, ...results.map(pointFigures))
}

/** Flat figures of one point, for example `p95MsOf4msAt10PctBusy50Period100`. */
export function pointFigures({ point, measured, quota, slow }: PointResult): Figures {
  const { quota: held, coreMs, utilisation } = point
  const machine = held === undefined ? 'OnWholeCore' : `At${percentOf(held.cpu)}Pct`
  const period = held === undefined ? '' : `Period${held.periodMs ?? 100}`
  const suffix = `Of${coreMs}ms${machine}Busy${percentOf(utilisation)}${period}`
  return {
    [`p50Ms${suffix}`]: measured.p50Ms,
    [`p95Ms${suffix}`]: measured.p95Ms,
    [`p99Ms${suffix}`]: measured.p99Ms,
    [`p95MsQuotaModel${suffix}`]: quota.p95Ms,
    [`p95MsSlowModel${suffix}`]: slow.p95Ms,
    ...(held === undefined ? {} : { [`throttledShare${suffix}`]: measured.throttledShare }),
  }
}

function saturate(rig: Rig, { cpu, coreMs, seconds }: PeriodOptions, periodMs: number): Promise<Saturation> {
  const { stage, context } = rig
  const machines = stage.instances('four')
  holdAll(machines, { cpu, periodMs })
  return rig.trial(`saturated, ${cpu} CPU of ${periodMs} ms, ${coreMs} ms a request`, () =>
    closedLoop(`${stage.url}/four${rig.work('arithmetic', coreMs)}`, machines, {
      concurrency: 4 * machines.length,
      seconds: Math.min(seconds, 6),
      signal: context.signal,
    }),
  )
}

function percentOf(share: number): number {
  return Math.round(share * 100)
}
