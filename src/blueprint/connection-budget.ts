/** What services may hold together of the connections of one node, which takes 100 in all. */
export const CONNECTIONS_PER_NODE = 90
/** Of one instance, if nothing else is said and there is room. */
const CONNECTIONS_PER_INSTANCE = 10

/** As much of a service as says how many connections it may come to hold. */
interface Connecting {
  readonly databases: readonly string[]
  readonly instances: { readonly max: number }
}

/** How many instances of all services, each at its maximum, connect to a database. */
export function connectingInstances(services: Iterable<Connecting>, database: string): number {
  let sum = 0
  for (const { databases, instances } of services) if (databases.includes(database)) sum += instances.max
  return sum
}

/**
 * How many connections each instance may hold to a node of a database: what the blueprint says, or ten, or fewer where all
 * instances at their maximum would ask for more than a node takes.
 */
export function connectionsPerInstance(asked: number | undefined, instances: number): number {
  if (asked !== undefined) return asked
  return Math.max(1, Math.min(CONNECTIONS_PER_INSTANCE, Math.floor(CONNECTIONS_PER_NODE / Math.max(1, instances))))
}
