import { interleave, median, spread } from '../benchmark.ts'
import type { Figures } from '../benchmark.ts'
import { atCpu } from './adds-up.ts'
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
    const suffix = `Of${coreMs}ms${atCpu(cpu)}Period${periodMs}`
    figures[`perSecond${suffix}`] = median(perSecond)
    figures[`perSecondSpread${suffix}`] = spread(perSecond)
    figures[`quotaUsed${suffix}`] =
      median((saturated[periodMs] ?? []).map(({ cpuSecondsPerSecond }) => cpuSecondsPerSecond)) / (cpu * SOLOS.length)
    figures[`cpuMs${suffix}`] = median((saturated[periodMs] ?? []).map(({ cpuMsPerRequest }) => cpuMsPerRequest))
  }
  return Object.assign(figures, ...results.map(pointFigures))
}

/** Flat figures of one point, for example `p95MsOf4msAt10PctBusy50Period100`. */
export function pointFigures({ point, trial }: PointResult): Figures {
  const { quota, coreMs, utilisation } = point
  const machine = quota === undefined ? 'OnWholeCore' : atCpu(quota.cpu)
  const period = quota === undefined ? '' : `Period${quota.periodMs ?? 100}`
  const suffix = `Of${coreMs}ms${machine}Busy${Math.round(utilisation * 100)}${period}`
  return {
    [`busy${suffix}`]: trial.busy,
    [`p50Ms${suffix}`]: trial.p50Ms,
    [`p95Ms${suffix}`]: trial.p95Ms,
    [`p99Ms${suffix}`]: trial.p99Ms,
    [`p95MsQuotaModel${suffix}`]: trial.quotaP95Ms,
    [`p95MsSlowModel${suffix}`]: trial.slowP95Ms,
    ...(quota === undefined ? {} : { [`throttledShare${suffix}`]: trial.throttledShare }),
  }
}

function saturate(rig: Rig, { cpu, coreMs, seconds }: PeriodOptions, periodMs: number): Promise<Saturation> {
  const { stage, context } = rig
  const machines = stage.instances('four')
  holdAll(machines, { cpu, periodMs })
  return rig.trial(`saturated, ${cpu} CPU of ${periodMs} ms, ${coreMs} ms a request`, () =>
    closedLoop(`${stage.url}/four${rig.work('hash', coreMs)}`, machines, {
      concurrency: 4 * machines.length,
      seconds: Math.min(seconds, 6),
      signal: context.signal,
    }),
  )
}
