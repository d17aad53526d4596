import type { Random } from '../../src/core/random.ts'

/** Response times of a model, in milliseconds. */
export interface ModelLatency {
  readonly meanMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

/** One server, requests of equal work in order of arrival: M/D/1. */
export interface ModelLoad {
  /** Processor time of one request on a whole core. */
  readonly workMs: number
  /** Share of a core that the machine has. */
  readonly cpu: number
  /** Arrivals times work, as a share of `cpu`. */
  readonly utilisation: number
  readonly random: Random
}

const REQUESTS = 200_000

/** The machine we mean: its core is slower, at `cpu` times the speed, without pause. */
export function slowCore(load: ModelLoad): ModelLatency {
  const serviceMs = load.workMs / load.cpu
  return simulate(load, (startMs) => startMs + serviceMs)
}

/**
 * The machine we have: a whole core for `cpu × periodMs` of each period, then none until the next one. Periods follow
 * the clock, not the arrivals, and what is not used of one is lost, as the kernel does it.
 */
export function quotaCore(load: ModelLoad, periodMs: number): ModelLatency {
  const quotaMs = load.cpu * periodMs
  let period = 0
  let leftMs = quotaMs
  return simulate(load, (startMs) => {
    let nowMs = startMs
    let workMs = load.workMs
    for (;;) {
      const current = Math.floor(nowMs / periodMs)
      if (current > period) leftMs = quotaMs
      period = Math.max(period, current)
      const sliceMs = Math.min(workMs, leftMs, (period + 1) * periodMs - nowMs)
      leftMs -= sliceMs
      workMs -= sliceMs
      nowMs += sliceMs
      if (workMs <= 1e-9) return nowMs
      nowMs = (period + 1) * periodMs
      period++
      leftMs = quotaMs
    }
  })
}

/** Mean response time of M/D/1 by Pollaczek and Khinchine: service and waiting, S + ρ S / (2 (1 − ρ)). */
export function meanOfMd1(serviceMs: number, utilisation: number): number {
  return serviceMs * (1 + utilisation / (2 * (1 - utilisation)))
}

function simulate(load: ModelLoad, endOf: (startMs: number) => number): ModelLatency {
  const { random, utilisation, cpu, workMs } = load
  const meanGapMs = workMs / cpu / utilisation
  const latencies = new Float64Array(REQUESTS)
  let arrivalMs = 0
  let freeMs = 0
  let sum = 0
  for (let i = 0; i < REQUESTS; i++) {
    arrivalMs += random.exponential(meanGapMs)
    freeMs = endOf(Math.max(arrivalMs, freeMs))
    latencies[i] = freeMs - arrivalMs
    sum += freeMs - arrivalMs
  }
  latencies.sort()
  const percentile = (percent: number): number => latencies[Math.ceil((percent / 100) * REQUESTS) - 1] as number
  return { meanMs: sum / REQUESTS, p50Ms: percentile(50), p95Ms: percentile(95), p99Ms: percentile(99) }
}
