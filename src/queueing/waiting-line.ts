import assert from 'node:assert/strict'
import { erlangC } from './erlang.ts'

/** Servers with one queue in front of them. */
export interface WaitingLineOptions {
  /** Whole, 1 or more. */
  readonly servers: number
  readonly arrivalsPerSecond: number
  /** Mean of the (exponential) time of service. */
  readonly serviceMs: number
}

/** How long who comes waits. */
export type WaitingLine =
  | {
      readonly state: 'stable'
      /** Share of the time that a server is busy, below 1. */
      readonly utilisation: number
      /** Share of arrivals that wait at all. */
      readonly waitShare: number
      readonly waitMsMean: number
      readonly responseMsMean: number
      /** How many are there, waiting and served. */
      readonly presentMean: number
      /** The time in the queue that `percentile` % (0 to below 100) do not exceed. */
      waitMsAt(percentile: number): number
      /** The same of queue and service together. */
      responseMsAt(percentile: number): number
    }
  /** More comes than can be served: the queue grows for as long as that lasts. */
  | { readonly state: 'overloaded'; readonly utilisation: number }

/**
 * A queue with several servers in its steady state (M/M/c): Poisson arrivals, exponential service, first come, first
 * served. Real service times vary less than exponential ones more often than not, so real waits are then shorter.
 *
 * Waiting lasts longer than t with probability C·e^(−θt), θ = cμ − λ (Gross and Harris, *Fundamentals of Queueing
 * Theory*, 3rd edition, section 2.3); the response is that and an independent service.
 *
 * @example waitingLine({ servers: 2, arrivalsPerSecond: 2, serviceMs: 1_000 / 3 }) // waitMsMean 41.7
 */
export function waitingLine({ servers, arrivalsPerSecond, serviceMs }: WaitingLineOptions): WaitingLine {
  assert(arrivalsPerSecond >= 0 && serviceMs > 0, `expected a rate and a time, got ${arrivalsPerSecond}, ${serviceMs}`)
  const offered = (arrivalsPerSecond * serviceMs) / 1_000
  const utilisation = offered / servers
  const waitShare = erlangC(servers, offered)
  if (utilisation >= 1) return { state: 'overloaded', utilisation }
  /** Departures per millisecond of one server, and by how much all of them are faster than the arrivals. */
  const speed = 1 / serviceMs
  const spare = (servers - offered) / serviceMs
  const waitMsMean = waitShare / spare
  const responseMsMean = waitMsMean + serviceMs
  return {
    state: 'stable',
    utilisation,
    waitShare,
    waitMsMean,
    responseMsMean,
    presentMean: (arrivalsPerSecond * responseMsMean) / 1_000,
    waitMsAt(percentile) {
      const beyond = beyondShare(percentile)
      return beyond >= waitShare ? 0 : Math.log(waitShare / beyond) / spare
    },
    responseMsAt(percentile) {
      const beyond = beyondShare(percentile)
      return solveDecreasing((ms) => responseBeyond(ms, { waitShare, speed, spare }), beyond, responseMsMean)
    },
  }
}

function beyondShare(percentile: number): number {
  assert(percentile >= 0 && percentile < 100, `expected a percentile from 0 to below 100, got ${percentile}`)
  return 1 - percentile / 100
}

/** P(response > t): e^(−μt)·(1 + C·μ·(1 − e^(−(θ−μ)t)) / (θ−μ)), whose limit for θ = μ is taken by `expm1`'s argument. */
function responseBeyond(ms: number, line: { waitShare: number; speed: number; spare: number }): number {
  const { waitShare, speed, spare } = line
  const difference = spare - speed
  // Two exponentials, the slower one outside, so that neither overflows.
  if (difference < 0) {
    const share = Math.abs(difference * ms) < 1e-9 ? ms : Math.expm1(difference * ms) / difference
    return Math.exp(-speed * ms) + waitShare * speed * share * Math.exp(-spare * ms)
  }
  const share = difference * ms < 1e-9 ? ms : -Math.expm1(-difference * ms) / difference
  return Math.exp(-speed * ms) * (1 + waitShare * speed * share)
}

/** Where a decreasing function comes down to a value, by halving. */
function solveDecreasing(of: (at: number) => number, value: number, guess: number): number {
  let low = 0
  let high = guess
  while (of(high) > value) high *= 2
  for (let i = 0; i < 100 && high - low > 1e-12 * high; i++) {
    const middle = (low + high) / 2
    if (of(middle) > value) low = middle
    else high = middle
  }
  return (low + high) / 2
}
