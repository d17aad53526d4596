import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import { TenfoldError } from '../core/errors.ts'
import type { BindingsDocument } from '../service/bindings-document.ts'

/** Connections one instance may hold to a database; a cluster takes 100 in all. */
const CONNECTIONS_PER_INSTANCE = 10
/** What services may hold together of the connections of one cluster. */
export const CONNECTIONS_PER_CLUSTER = 90

/** What a service may reach, and nothing else. */
export function bindingsOf(
  serviceName: string,
  blueprint: ResolvedBlueprint,
  places: {
    readonly databaseUrl: (database: string, service: string) => string
    readonly internalUrl: string | undefined
  },
): BindingsDocument {
  const service = blueprint.services[serviceName]
  if (service === undefined || places.internalUrl === undefined) {
    throw new TenfoldError(
      'TF_NOT_RUNNING',
      `expected ${serviceName} and the gateway to be known, got neither's address`,
    )
  }
  return {
    layout: 1,
    service: serviceName,
    databases: Object.fromEntries(
      service.databases.map((name) => [
        name,
        {
          shards: [{ url: places.databaseUrl(name, serviceName) }],
          connectionsMax: connectionsPerInstance(blueprint, name),
        },
      ]),
    ),
    services: Object.fromEntries(service.calls.map((name) => [name, { url: `${places.internalUrl}/${name}` }])),
  }
}

/** Ten, or less where all instances at their maximum would ask for more than the cluster takes. */
export function connectionsPerInstance({ services }: ResolvedBlueprint, database: string): number {
  const instances = Object.values(services)
    .filter(({ databases }) => databases.includes(database))
    .reduce((sum, service) => sum + service.instances.max, 0)
  return Math.max(1, Math.min(CONNECTIONS_PER_INSTANCE, Math.floor(CONNECTIONS_PER_CLUSTER / Math.max(1, instances))))
}

/**
 * How many connections each service that lists a database may hold there, all its instances together. Twice what they
 * need, because while instances are replaced there are old ones and new ones; but never so many that nobody else gets in.
 */
export function connectionsPerService(blueprint: ResolvedBlueprint, database: string): Record<string, number> {
  const each = connectionsPerInstance(blueprint, database)
  return Object.fromEntries(
    Object.values(blueprint.services)
      .filter(({ databases }) => databases.includes(database))
      .map(({ name, instances }) => [name, Math.min(CONNECTIONS_PER_CLUSTER, 2 * each * instances.max)]),
  )
}
