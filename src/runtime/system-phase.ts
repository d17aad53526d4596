import type { SystemPhase, SystemSnapshot } from '../control/snapshot.ts'

/**
 * How the whole is, from how its parts are: `running` when everything that is wanted is ready, `degraded` when
 * something that was ready is not any more. Pure; `starting`, `stopping` and `stopped` are said by who starts and stops.
 */
export function runningPhase({ gateway, services, databases }: SystemSnapshot): SystemPhase {
  const isWell =
    gateway.state === 'running' &&
    Object.values(databases).every(({ state, alarm }) => state === 'ready' && alarm === undefined) &&
    Object.values(services).every(
      ({ desired, instances }) => instances.filter(({ state }) => state === 'ready').length >= desired,
    )
  return isWell ? 'running' : 'degraded'
}
