import type { ResolvedBalance } from '../../blueprint/resolved-traffic.ts'
import type { Random } from '../../core/random.ts'
import type { Balancer } from './balancer.ts'
import { createLeastRequests } from './balancers/least-requests.ts'
import { createPeakEwmaBalancer } from './balancers/peak-ewma.ts'
import { createRingHash } from './balancers/ring-hash.ts'
import { createRoundRobin } from './balancers/round-robin.ts'

/** The balancer that a blueprint names. */
export function createBalancer({ by }: ResolvedBalance, random: Random): Balancer {
  switch (by) {
    case 'peak-ewma':
      return createPeakEwmaBalancer(random)
    case 'least-requests':
      return createLeastRequests(random)
    case 'round-robin':
      return createRoundRobin()
    case 'ring-hash':
      return createRingHash(random)
  }
}
