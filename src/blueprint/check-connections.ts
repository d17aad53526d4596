import { CONNECTIONS_PER_NODE, connectingInstances } from './connection-budget.ts'
import type { ReadSystem } from './grammar/system.ts'
import type { Place } from './place.ts'
import { databasesBehind } from './holders.ts'

/**
 * All instances at their maximum must find a connection to each database that they use. A server that somebody else runs
 * takes what it takes, so only what is asked for by name is checked there.
 */
export function checkConnections(system: ReadSystem, place: Place): void {
  const services = [...(system.services ?? [])].map(([name, service]) => {
    const { min = 1, desired = min, max = desired } = service?.instances ?? {}
    return { ...service, name, connectsTo: databasesBehind(service ?? {}, system), instances: { max } }
  })
  for (const [name, database] of system.databases ?? []) {
    const { connections, url } = database ?? {}
    const { count, listening } = connectingInstances(services, name)
    const room = CONNECTIONS_PER_NODE - listening
    if (count * (connections ?? 1) <= room || url !== undefined) continue
    if (connections !== undefined && count <= room) {
      const most = Math.floor(room / count)
      place
        .at('databases')
        .at(name)
        .at('connections')
        .invalid(
          `expected at most ${most}, so that ${count} instances find theirs among ${room}, got ${connections}`,
          `lower it to ${most}, or leave it out`,
        )
      continue
    }
    const [largest] = services
      .filter(({ connectsTo }) => connectsTo.includes(name))
      .toSorted((a, b) => b.instances.max - a.instances.max)
    place
      .at('services')
      .at(largest?.name ?? '')
      .at('instances')
      .at('max')
      .invalid(
        `expected at most ${CONNECTIONS_PER_NODE} connections of all services that use database '${name}', ` +
          `one for each instance and one more where it has topics or queues, got ${count + listening}`,
        'lower it, or let fewer services use the database',
      )
  }
}
