/** What services may hold together of the connections of one node, which takes 100 in all. */
export const CONNECTIONS_PER_NODE = 90
/** Of one instance, if nothing else is said and there is room. */
const CONNECTIONS_PER_INSTANCE = 10

/** As much of a service as says how many connections it may come to hold. */
interface Connecting {
  readonly connectsTo: readonly string[]
  readonly publishes?: readonly string[] | undefined
  readonly consumes?: readonly string[] | undefined
  readonly enqueues?: readonly string[] | undefined
  readonly works?: readonly string[] | undefined
  readonly instances: { readonly max: number }
}

/** The instances of all services, each at its maximum, that connect to one database. */
export interface ConnectingInstances {
  readonly count: number
  /** Connections that they hold beside, on which they are told of events and items. */
  readonly listening: number
}

/** How many instances of all services connect to a database. */
export function connectingInstances(services: Iterable<Connecting>, database: string): ConnectingInstances {
  let [count, listening] = [0, 0]
  for (const service of services) {
    if (!service.connectsTo.includes(database)) continue
    count += service.instances.max
    listening += listenersOf(service) * service.instances.max
  }
  return { count, listening }
}

/** Connections beside its own that an instance holds to a database to be told of events and items. */
export function listenersOf(service: Omit<Connecting, 'connectsTo' | 'instances'>): 0 | 1 | 2 {
  const { publishes = [], consumes = [], enqueues = [], works = [] } = service
  return ((publishes.length + consumes.length > 0 ? 1 : 0) + (enqueues.length + works.length > 0 ? 1 : 0)) as 0 | 1 | 2
}

/**
 * How many connections each instance may hold to a node of a database: what the blueprint says, or ten, or fewer where all
 * instances at their maximum would ask for more than a node takes.
 */
export function connectionsPerInstance(asked: number | undefined, { count, listening }: ConnectingInstances): number {
  if (asked !== undefined) return asked
  const share = Math.floor((CONNECTIONS_PER_NODE - listening) / Math.max(1, count))
  return Math.max(1, Math.min(CONNECTIONS_PER_INSTANCE, share))
}
