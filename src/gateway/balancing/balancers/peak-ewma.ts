import type { Random } from '../../../core/random.ts'
import type { Balancer } from '../balancer.ts'
import { createP2c } from './p2c.ts'

/** Costs closer than this are a tie: one instance that is a hair faster must not take all traffic. */
const TIE = 1.25

/**
 * The cheaper of two by `(in flight + 1) × latency ÷ weight`, where the latency is a peak average (Finagle).
 *
 * @example createPeakEwmaBalancer(seededRandom(1)).pick(instances, clock.nowMs())
 */
export function createPeakEwmaBalancer(random: Random): Balancer {
  return createP2c(random, {
    costOf: (candidate, nowMs) => ((candidate.inFlight + 1) * candidate.latencyMs(nowMs)) / candidate.weight,
    tie: TIE,
  })
}
