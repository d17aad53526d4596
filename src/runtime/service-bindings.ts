import {
  CONNECTIONS_PER_NODE,
  connectingInstances,
  connectionsPerInstance,
  listenersOf,
} from '../blueprint/connection-budget.ts'
import { consumersOf } from '../blueprint/consumers-of.ts'
import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import { isWorker } from '../blueprint/service-kind.ts'
import type { Admission } from '../clusters/service-roles.ts'
import { TenfoldError } from '../core/errors.ts'
import type { BindingsDocument, DatabaseBinding, QueueBinding, ShardBinding } from '../service/bindings-document.ts'
import { messagingAccessOf } from './messaging-tables.ts'

/** What is on an engine elsewhere. */
interface Elsewhere {
  readonly kind: 'kafka' | 'rabbitmq'
  readonly urlVariable: string
}

/** What a service may reach, and nothing else. */
export function bindingsOf(
  serviceName: string,
  blueprint: ResolvedBlueprint,
  places: {
    readonly database: (database: string, service: string) => readonly ShardBinding[]
    readonly internalUrl: string | undefined
    /** Port of the door of a database that has one. */
    readonly doorPort?: (database: string) => number | undefined
    /** Address of an engine elsewhere. Needed where a topic or a queue is on one. */
    readonly engineUrl?: (engine: Elsewhere) => string | undefined
  },
): BindingsDocument {
  const service = blueprint.services[serviceName]
  if (service === undefined || places.internalUrl === undefined) {
    throw new TenfoldError(
      'TF_NOT_RUNNING',
      `expected ${serviceName} and the gateway to be known, got neither's address`,
    )
  }
  const bindingOf = (name: string): readonly [string, DatabaseBinding] => [
    name,
    databaseBinding(places.database(name, serviceName), {
      key: blueprint.databases[name]?.sharding?.key,
      doorPort: places.doorPort?.(name),
      connectionsMax: connectionsOf(blueprint, name),
    }),
  ]
  const { databases, connectsTo, calls, publishes, consumes, enqueues, works, stopTimeoutMs } = service
  const unlisted = connectsTo.filter((name) => !databases.includes(name))
  return {
    layout: 1,
    service: serviceName,
    databases: Object.fromEntries(databases.map(bindingOf)),
    services: Object.fromEntries(calls.map((name) => [name, { url: `${places.internalUrl}/${name}` }])),
    ...(publishes.length > 0 ? { publishes: topicBindings(publishes, blueprint, places) } : {}),
    ...(consumes.length > 0 ? { consumes: topicBindings(consumes, blueprint, places) } : {}),
    ...(enqueues.length > 0 ? { enqueues: queueBindings(enqueues, blueprint, places) } : {}),
    ...(works.length > 0 ? { works: queueBindings(works, blueprint, places) } : {}),
    ...(unlisted.length > 0 ? { unlisted: Object.fromEntries(unlisted.map(bindingOf)) } : {}),
    ...(isWorker(service, blueprint) ? { isWorker: true } : {}),
    stopTimeoutMs,
  }
}

function topicBindings(
  names: readonly string[],
  { topics, services }: ResolvedBlueprint,
  { engineUrl }: { readonly engineUrl?: (engine: Elsewhere) => string | undefined },
): NonNullable<BindingsDocument['publishes']> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const topic = topics[name]
      if (topic === undefined) return []
      const { key, hasSchema, isStrict, engine, partitions } = topic
      const common = { key, hasSchema, database: engine.database, ...(isStrict ? { isStrict } : {}) }
      if (engine.kind === 'postgres') return [[name, common]]
      const [url, groups] = [engineUrl?.(engine) ?? noUrl(engine), consumersOf(services, name)]
      return [[name, { ...common, engine: { kind: engine.kind, url, partitions, groups } }]]
    }),
  )
}

function noUrl({ kind }: Elsewhere): never {
  throw new TenfoldError('TF_NOT_RUNNING', `expected the address of ${kind} to be known, got none`)
}

function queueBindings(
  names: readonly string[],
  { queues }: ResolvedBlueprint,
  { engineUrl }: { readonly engineUrl?: (engine: Elsewhere) => string | undefined },
): Readonly<Record<string, QueueBinding>> {
  return Object.fromEntries(
    names.flatMap((name): readonly (readonly [string, QueueBinding])[] => {
      const queue = queues[name]
      if (queue === undefined) return []
      const { engine, hasSchema } = queue
      if (engine.kind === 'postgres') return [[name, { database: engine.database, hasSchema }]]
      return [[name, { engine: { kind: engine.kind, url: engineUrl?.(engine) ?? noUrl(engine) }, hasSchema }]]
    }),
  )
}

function databaseBinding(
  shards: readonly ShardBinding[],
  more: { readonly key: string | undefined; readonly doorPort: number | undefined; readonly connectionsMax: number },
): BindingsDocument['databases'][string] {
  const { key, doorPort, connectionsMax } = more
  // Whoever does not know the map could only guess which of them he wants.
  if (key !== undefined) return { key, shards, connectionsMax }
  const { url } = shards[0]!
  return { shards, url: doorPort === undefined ? url : withPort(url, doorPort), connectionsMax }
}

function withPort(text: string, port: number): string {
  const url = new URL(text)
  url.port = String(port)
  return url.href
}

/** How many connections one instance of any service may hold to each node of a database. */
export function connectionsOf({ services, databases }: ResolvedBlueprint, database: string): number {
  const instances = connectingInstances(Object.values(services), database)
  return connectionsPerInstance(databases[database]?.connections, instances)
}

/**
 * How each service that connects to a database is let in: for its rows if it lists it, for topics and queues as it uses them there. It
 * may hold twice the connections that all its instances together need, because while instances are replaced there are old
 * ones and new ones; but never so many that nobody else gets in.
 */
export function admissionsTo(blueprint: ResolvedBlueprint, database: string): Record<string, Admission> {
  const each = connectionsOf(blueprint, database)
  const connecting = Object.values(blueprint.services).filter(({ connectsTo }) => connectsTo.includes(database))
  return Object.fromEntries(
    connecting.map((service) => {
      const { name, instances, databases } = service
      const needed = (each + listenersOf(service)) * instances.max
      const rows = databases.includes(database) ? (['rows'] as const) : []
      const may = [...rows, ...messagingAccessOf(service, blueprint, database)]
      return [name, { connectionsMax: Math.min(CONNECTIONS_PER_NODE, 2 * needed), may }]
    }),
  )
}
