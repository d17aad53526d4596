import { seededRandom } from '../../src/core/random.ts'
import type { Figures } from '../benchmark.ts'
import { interleave, median } from '../benchmark.ts'
import type { Latency } from './open-loop.ts'
import { openLoop } from './open-loop.ts'
import type { ModelLatency } from './quota-model.ts'
import { quotaCore, slowCore } from './quota-model.ts'
import type { Quota } from './quota.ts'
import type { Rig } from './rig.ts'
import { holdAll } from './rig.ts'
import type { Machine } from './stage.ts'

/** Each is a service of one instance. */
export const SOLOS = ['solo1', 'solo2', 'solo3', 'solo4'] as const

/** One point of the curve of latency over utilisation. */
export interface Point {
  /** Undefined: a whole core. */
  readonly quota: Quota | undefined
  readonly coreMs: number
  /** Of the machine's own capacity. */
  readonly utilisation: number
  readonly seconds: number
}

/** What was measured at a point (medians over rounds), and what the two models say. */
export interface PointResult {
  readonly point: Point
  readonly measured: Latency
  /** A core of `cpu` times the speed. */
  readonly slow: ModelLatency
  /** A whole core for a part of each period. */
  readonly quota: ModelLatency
}

/**
 * Response times of single machines under Poisson arrivals. Four equal ones are measured at once, each with a stream of
 * its own; without a quota only one, as there are two cores.
 */
export async function measurePoints(rig: Rig, points: readonly Point[], rounds: number): Promise<PointResult[]> {
  let seed = 0
  const trials = await interleave<string, Latency>(
    rounds,
    Object.fromEntries(points.map((point) => [labelOf(point), () => measure(rig, point, ++seed)])),
  )
  return points.map((point) => {
    const { quota, coreMs: workMs, utilisation } = point
    const load = { workMs, cpu: quota?.cpu ?? 1, utilisation, random: seededRandom(1) }
    return {
      point,
      measured: medians(trials[labelOf(point)] ?? []),
      slow: slowCore(load),
      quota: quotaCore({ ...load, random: seededRandom(1) }, quota?.periodMs ?? 100),
    }
  })
}

/**
 * The measured latency under a quota, divided by what a small machine would show: by the server without a quota at the
 * same utilisation, whose times are stretched by 1 / cpu; and by the model of the quota.
 */
export function compareShapes(limited: PointResult, free: PointResult): Figures {
  const cpu = limited.point.quota?.cpu ?? 1
  const stretched = (ms: number): number => ms / cpu
  return {
    p50RatioQuota: limited.measured.p50Ms / stretched(free.measured.p50Ms),
    p95RatioQuota: limited.measured.p95Ms / stretched(free.measured.p95Ms),
    p99RatioQuota: limited.measured.p99Ms / stretched(free.measured.p99Ms),
    p95RatioQuotaModel: limited.measured.p95Ms / limited.quota.p95Ms,
    p95RatioFreeModel: free.measured.p95Ms / free.slow.p95Ms,
  }
}

export function labelOf({ quota, coreMs, utilisation }: Point): string {
  const machine = quota === undefined ? 'a whole core' : `${quota.cpu} CPU of ${quota.periodMs ?? 100} ms`
  return `${machine}, ${coreMs} ms a request, ${utilisation * 100} % busy`
}

async function measure(rig: Rig, { quota, coreMs, utilisation, seconds }: Point, seed: number): Promise<Latency> {
  const { stage, context } = rig
  const names = quota === undefined ? ['free'] : SOLOS.filter((name) => stage.instances(name).length > 0)
  const machines: Machine[] = names.flatMap((name) => stage.instances(name))
  holdAll(machines, quota)
  const label = labelOf({ quota, coreMs, utilisation, seconds })
  return rig.trial(label, () =>
    openLoop(
      stage.url,
      names.map((name) => `/${name}${rig.work('arithmetic', coreMs)}`),
      machines,
      {
        ratePerSecondEach: (((quota?.cpu ?? 1) * 1_000) / coreMs) * utilisation,
        seconds,
        seed,
        signal: context.signal,
      },
    ),
  )
}

function medians(trials: readonly Latency[]): Latency {
  const keys = Object.keys(trials[0] ?? {}) as (keyof Latency)[]
  return Object.fromEntries(keys.map((key) => [key, median(trials.map((trial) => trial[key]))])) as unknown as Latency
}
