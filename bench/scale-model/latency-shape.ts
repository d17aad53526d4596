import { seededRandom } from '../../src/core/random.ts'
import type { Figures } from '../benchmark.ts'
import { interleave, median } from '../benchmark.ts'
import { closedLoop } from './closed-loop.ts'
import type { Latency } from './open-loop.ts'
import { openLoop } from './open-loop.ts'
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

/** What was measured at a point, and what two models say for the work and the utilisation as they were measured. */
export interface PointTrial extends Latency {
  /** Of the quota, or of one core. */
  readonly busy: number
  /** A core of `cpu` times the speed. */
  readonly slowP50Ms: number
  readonly slowP95Ms: number
  readonly slowP99Ms: number
  /** A whole core for a part of each period. */
  readonly quotaP50Ms: number
  readonly quotaP95Ms: number
  readonly quotaP99Ms: number
}

/** A point, and the medians over its trials. */
export interface PointResult {
  readonly point: Point
  readonly trial: PointTrial
}

/** A model has no answer for a machine that does not keep up. */
const BUSY_MAX = 0.97
const CAPACITY_SECONDS = 1.5

/**
 * Response times of single machines under Poisson arrivals. Four equal ones are measured at once, each with a stream of
 * its own; without a quota only one, as there are two cores.
 */
export async function measurePoints(rig: Rig, points: readonly Point[], rounds: number): Promise<PointResult[]> {
  let seed = 0
  const trials = await interleave<string, PointTrial>(
    rounds,
    Object.fromEntries(points.map((point) => [labelOf(point), () => measure(rig, point, ++seed)])),
  )
  return points.map((point) => ({ point, trial: medians(trials[labelOf(point)] ?? []) }))
}

/**
 * The measured latency under a quota, divided by what a small machine would show: by the server without a quota at the
 * same utilisation, whose times are stretched by 1 / cpu; and by the model of the quota.
 */
export function compareShapes(limited: PointResult, free: PointResult): Figures {
  const cpu = limited.point.quota?.cpu ?? 1
  const stretched = (ms: number): number => ms / cpu
  return {
    p50RatioQuota: limited.trial.p50Ms / stretched(free.trial.p50Ms),
    p95RatioQuota: limited.trial.p95Ms / stretched(free.trial.p95Ms),
    p99RatioQuota: limited.trial.p99Ms / stretched(free.trial.p99Ms),
    p95RatioQuotaModel: limited.trial.p95Ms / limited.trial.quotaP95Ms,
    p95RatioFreeModel: free.trial.p95Ms / free.trial.slowP95Ms,
  }
}

export function labelOf({ quota, coreMs, utilisation }: Point): string {
  const machine = quota === undefined ? 'a whole core' : `${quota.cpu} CPU of ${quota.periodMs ?? 100} ms`
  return `${machine}, ${coreMs} ms a request, ${utilisation * 100} % busy`
}

async function measure(rig: Rig, point: Point, seed: number): Promise<PointTrial> {
  const { quota, coreMs, utilisation, seconds } = point
  const { stage } = rig
  const { signal } = rig.context
  const names = quota === undefined ? ['free'] : SOLOS.filter((name) => stage.instances(name).length > 0)
  const machines: Machine[] = names.flatMap((name) => stage.instances(name))
  const paths = names.map((name) => `/${name}${rig.work('hash', coreMs)}`)
  const cpu = quota?.cpu ?? 1
  return rig.trial(labelOf(point), async () => {
    // What a request costs drifts with the machine's other guests: the capacity is that of this minute.
    holdAll(machines, undefined)
    const options = { concurrency: 1, seconds: CAPACITY_SECONDS, signal }
    const { cpuMsPerRequest } = await closedLoop(`${stage.url}${paths[0]}`, machines.slice(0, 1), options)
    holdAll(machines, quota)
    const ratePerSecondEach = ((cpu * 1_000) / cpuMsPerRequest) * utilisation
    const latency = await openLoop(stage.url, paths, machines, { ratePerSecondEach, seconds, seed, signal })
    const arrivedPerSecond = latency.requests / seconds / machines.length
    return { ...latency, ...modelsOf(latency.cpuMsPerRequest, arrivedPerSecond, quota) }
  })
}

function modelsOf(workMs: number, ratePerSecond: number, quota: Quota | undefined): Omit<PointTrial, keyof Latency> {
  const cpu = quota?.cpu ?? 1
  const busy = (ratePerSecond * workMs) / 1_000 / cpu
  const load = { workMs, cpu, utilisation: Math.min(busy, BUSY_MAX) }
  const slow = slowCore({ ...load, random: seededRandom(1) })
  const limited = quotaCore({ ...load, random: seededRandom(1) }, quota?.periodMs ?? 100)
  return {
    busy,
    slowP50Ms: slow.p50Ms,
    slowP95Ms: slow.p95Ms,
    slowP99Ms: slow.p99Ms,
    quotaP50Ms: limited.p50Ms,
    quotaP95Ms: limited.p95Ms,
    quotaP99Ms: limited.p99Ms,
  }
}

function medians(trials: readonly PointTrial[]): PointTrial {
  const keys = Object.keys(trials[0] ?? {}) as (keyof PointTrial)[]
  return Object.fromEntries(
    keys.map((key) => [key, median(trials.map((trial) => trial[key]))]),
  ) as unknown as PointTrial
}
