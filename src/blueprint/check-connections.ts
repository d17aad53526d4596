import { CONNECTIONS_PER_NODE, connectingInstances } from './connection-budget.ts'
import type { ReadSystem } from './grammar/system.ts'
import type { Place } from './place.ts'

/**
 * All instances at their maximum must find a connection to each database that they use. A server that somebody else runs
 * takes what it takes, so only what is asked for by name is checked there.
 */
export function checkConnections(system: ReadSystem, place: Place): void {
  const services = [...(system.services ?? [])].map(([name, service]) => {
    const { min = 1, desired = min, max = desired } = service?.instances ?? {}
    return { name, databases: service?.databases ?? [], instances: { max } }
  })
  for (const [name, database] of system.databases ?? []) {
    const { connections, url } = database ?? {}
    const instances = connectingInstances(services, name)
    const needed = instances * (connections ?? 1)
    if (needed <= CONNECTIONS_PER_NODE || url !== undefined) continue
    if (connections !== undefined && instances <= CONNECTIONS_PER_NODE) {
      const most = Math.floor(CONNECTIONS_PER_NODE / instances)
      place
        .at('databases')
        .at(name)
        .at('connections')
        .invalid(
          `expected at most ${most}, so that ${instances} instances find theirs among ${CONNECTIONS_PER_NODE}, got ${connections}`,
          `lower it to ${most}, or leave it out`,
        )
      continue
    }
    const [largest] = services
      .filter(({ databases }) => databases.includes(name))
      .toSorted((a, b) => b.instances.max - a.instances.max)
    place
      .at('services')
      .at(largest?.name ?? '')
      .at('instances')
      .at('max')
      .invalid(
        `expected at most ${CONNECTIONS_PER_NODE} instances of all services that use database '${name}', ` +
          `one connection each, got ${instances}`,
        'lower it, or let fewer services use the database',
      )
  }
}
