import type { Random } from '../../../core/random.ts'
import type { Balancer } from '../balancer.ts'
import { createP2c } from './p2c.ts'

/**
 * The one of two with fewer requests under way, by weight. For services whose latency says nothing about their load:
 * long polls, streams, answers of very different length.
 *
 * @example createLeastRequests(seededRandom(1)).pick(instances, clock.nowMs())
 */
export function createLeastRequests(random: Random): Balancer {
  return createP2c(random, { costOf: ({ inFlight, weight }) => (inFlight + 1) / weight, tie: 1 })
}
