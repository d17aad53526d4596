import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import type { Cap } from './recommend.ts'

/** What the machine and the databases can give. */
export interface Room {
  readonly cores: number
  readonly memoryBytes: number
  /** Connections that a database takes, and that each instance of a service that connects to it may hold. */
  readonly connections: Readonly<Record<string, { readonly most: number; readonly each: number }>>
}

/** Of the machine, for the gateway, the control plane and the system itself. */
const RESERVED_CORES = 0.2
const MEMORY_SHARE_MAX = 0.9

/**
 * How many instances of a service there is room for beside everything else that runs. Only what has a limit counts: of a
 * service without one nobody knows what an instance takes. Pure.
 *
 * @param counts how many instances of each service are wanted now
 */
export function capsOf(
  service: string,
  { services, databases }: Pick<ResolvedBlueprint, 'services' | 'databases'>,
  counts: Readonly<Record<string, number>>,
  room: Room,
): readonly Cap[] {
  const own = services[service]
  if (own === undefined) return []
  const others = Object.values(services).filter(({ name }) => name !== service)
  const takenBy = (
    limitOf: (resources: { cpu: number | undefined; memoryBytes: number | undefined }) => number | undefined,
  ): number =>
    [
      ...others.map(({ name, resources }) => (counts[name] ?? 0) * (limitOf(resources) ?? 0)),
      ...Object.values(databases).map(({ resources }) => limitOf(resources) ?? 0),
    ].reduce((sum, taken) => sum + taken, 0)
  const caps: Cap[] = []
  const { cpu, memoryBytes } = own.resources
  if (cpu !== undefined) {
    const free = room.cores - RESERVED_CORES - takenBy((resources) => resources.cpu)
    caps.push({ most: fitting(free, cpu), by: 'cores' })
  }
  if (memoryBytes !== undefined) {
    const free = room.memoryBytes * MEMORY_SHARE_MAX - takenBy((resources) => resources.memoryBytes)
    caps.push({ most: fitting(free, memoryBytes), by: 'memory' })
  }
  for (const database of own.connectsTo) {
    const { most, each } = room.connections[database] ?? { most: Infinity, each: 1 }
    const taken = others
      .filter(({ connectsTo }) => connectsTo.includes(database))
      .reduce((sum, { name }) => sum + (counts[name] ?? 0) * each, 0)
    caps.push({ most: fitting(most - taken, each), by: `connections to ${database}` })
  }
  return caps
}

/** Binary fractions add up to a hair more than the sum: 0.1 goes three times into 0.3. */
function fitting(free: number, each: number): number {
  return Math.max(0, Math.floor(free / each + 1e-9))
}
