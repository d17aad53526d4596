import { resolve } from 'node:path'
import { shardCount } from './clusters-of.ts'
import type { ReadDatabase } from './grammar/database.ts'
import type { ReadResources } from './grammar/engine.ts'
import type { ReadGateway } from './grammar/gateway.ts'
import type { ReadLoad } from './grammar/load.ts'
import type { ReadQueue } from './grammar/queue.ts'
import type { ReadSchedule } from './grammar/schedule.ts'
import type { ReadRoute } from './grammar/route.ts'
import { resolveScale } from './grammar/scale.ts'
import type { ReadService } from './grammar/service.ts'
import type { ReadSystem } from './grammar/system.ts'
import type { ReadTopic } from './grammar/topic.ts'
import { DEFAULT_RETENTION_MS } from './grammar/topic.ts'
import { resolveTraffic } from './grammar/traffic.ts'
import { databasesBehind, holderOf } from './holders.ts'
import { resolveBackup, resolveRecovery } from './resolve-backup.ts'
import type {
  ResolvedBlueprint,
  ResolvedDatabase,
  ResolvedGateway,
  ResolvedLoad,
  ResolvedQueue,
  ResolvedResources,
  ResolvedSchedule,
  ResolvedService,
  ResolvedTopic,
} from './resolved-blueprint.ts'
import { DEFAULT_HEADERS } from './resolved-blueprint.ts'
import { runsNode } from './runs-node.ts'
import type { Scenario } from './scenario.ts'

/** Where a blueprint stands. */
export interface BlueprintPlace {
  readonly file: string
  readonly directory: string
  readonly configuration: string
}

/** The gateway's, where the blueprint names none. */
export const DEFAULT_PORT = 8080
const DEFAULT_HOST = '127.0.0.1'
const DEFAULT_START_TIMEOUT_MS = 30_000
const DEFAULT_STOP_TIMEOUT_MS = 10_000
const DEFAULT_REQUEST_TIMEOUT_MS = 30_000
const DEFAULT_TIME_LIMIT_MS = 3_600_000
/** Runs of a job that may overlap, at once. */
const OVERLAP_MAX = 5
const DEFAULT_DURATION_MS = 30_000

/** Fills every default in. Only for a system in which no problem was found. */
export function resolveSystem(
  system: ReadSystem,
  scenarios: readonly Scenario[],
  place: BlueprintPlace,
): ResolvedBlueprint {
  const { directory } = place
  return {
    name: system.name as string,
    ...place,
    gateway: resolveGateway(system.gateway, directory),
    databases: mapped(system.databases, (name, database) => resolveDatabase(name, database, directory)),
    topics: mapped(system.topics, (name, topic) => resolveTopic(name, topic, system)),
    queues: mapped(system.queues, (name, queue) => resolveQueue(name, queue, system)),
    services: mapped(system.services, (name, service) => ({
      ...resolveService(name, service, directory),
      connectsTo: databasesBehind(service, system),
    })),
    secretsFile: system.secrets === undefined ? undefined : resolve(directory, system.secrets),
    objectives: mapped(system.objectives, (service, objective) => ({ service, ...objective })),
    load: system.load === undefined ? undefined : resolveLoad(system.load, scenarios, directory),
  }
}

function resolveGateway(gateway: ReadGateway | undefined, directory: string): ResolvedGateway {
  const { host = DEFAULT_HOST, port, headers, tls = [] } = gateway ?? {}
  return {
    host,
    port: port ?? DEFAULT_PORT,
    isPortGiven: port !== undefined,
    headers: {
      bytesMax: headers?.size ?? DEFAULT_HEADERS.bytesMax,
      countMax: headers?.count ?? DEFAULT_HEADERS.countMax,
    },
    certificates: tls.map(({ certificate, key }) => ({
      certificate: resolve(directory, certificate as string),
      key: resolve(directory, key as string),
    })),
  }
}

function resolveDatabase(name: string, database: ReadDatabase, directory: string): ResolvedDatabase {
  const variable = database.url?.env
  return {
    name,
    engine: variable === undefined ? { kind: 'embedded' } : { kind: 'server', urlVariable: variable },
    migrations: (database.migrations ?? []).map((path) => resolve(directory, path)),
    seeds: (database.seed ?? []).map((path) => resolve(directory, path)),
    ...(database.connections === undefined ? {} : { connections: database.connections }),
    resources: resolveResources(database.resources),
    ...resolveFollowers(database),
    ...((database.zones ?? []).length > 0 ? { zones: database.zones! } : {}),
    ...(database.backup === undefined ? {} : { backup: resolveBackup(database.backup, directory) }),
    ...(database.recovery === undefined ? {} : { recovery: resolveRecovery(database.recovery) }),
    ...resolveSharding(database),
  }
}

function resolveSharding({ key, shards, reference = [] }: ReadDatabase): Pick<ResolvedDatabase, 'sharding'> {
  if (key === undefined || shards === undefined) return {}
  return { sharding: { key, strategy: shards, count: shardCount(shards), reference } }
}

function resolveFollowers(database: ReadDatabase): Pick<ResolvedDatabase, 'followers'> {
  const { standby, replicas = 0, durability = 'preferred' } = database
  const count = replicas + (standby === undefined ? 0 : 1)
  return count === 0 ? {} : { followers: { count, isSynchronous: standby === 'synchronous', durability } }
}

function resolveTopic(name: string, topic: ReadTopic, { databases }: ReadSystem): ResolvedTopic {
  const database = holderOf(topic, databases) as string
  return {
    name,
    engine:
      topic.engine === undefined || topic.engine === 'postgres'
        ? { kind: 'postgres', database }
        : { kind: topic.engine, database, urlVariable: topic.url?.env as string },
    key: topic.key as string,
    partitions: topic.partitions as number,
    retentionMs: topic.retention ?? DEFAULT_RETENTION_MS,
    keepUnreadMs: topic.keepUnread,
    isStrict: topic.order === 'strict',
    hasSchema: topic.event?.hasSchema === true,
  }
}

function resolveQueue(name: string, queue: ReadQueue, { databases }: ReadSystem): ResolvedQueue {
  return {
    name,
    engine:
      queue.engine === 'rabbitmq'
        ? { kind: 'rabbitmq', urlVariable: queue.url?.env as string }
        : { kind: 'postgres', database: holderOf(queue, databases) as string },
    limits: { concurrency: queue.concurrency, concurrencyPerKey: queue.concurrencyPerKey },
    hasSchema: queue.item?.hasSchema === true,
  }
}

function resolveService(name: string, service: ReadService, directory: string): Omit<ResolvedService, 'connectsTo'> {
  const { schedule } = service
  return {
    name,
    program: resolveProgram(service, directory),
    schedule: schedule === undefined ? undefined : resolveSchedule(schedule),
    listensOn:
      service.port === undefined
        ? undefined
        : { port: service.port, isMoved: service.command === undefined || runsNode(service.command) },
    ...resolveRoutes(service.routes),
    databases: service.databases ?? [],
    publishes: service.publishes ?? [],
    consumes: service.consumes ?? [],
    enqueues: service.enqueues ?? [],
    works: service.works ?? [],
    calls: service.calls ?? [],
    env: mapped(service.env, (_, value) => value),
    instances: resolveInstances(service),
    ...((service.instances?.zones ?? []).length > 0 ? { zones: service.instances!.zones! } : {}),
    scale: service.scale === undefined ? undefined : resolveScale(service.scale),
    resources: resolveResources(service.resources),
    health: service.health,
    startTimeoutMs: service.startTimeout ?? DEFAULT_START_TIMEOUT_MS,
    stopTimeoutMs: service.stopTimeout ?? DEFAULT_STOP_TIMEOUT_MS,
    requestTimeoutMs: service.timeout ?? DEFAULT_REQUEST_TIMEOUT_MS,
    traffic: resolveTraffic(service.traffic, service.health),
  }
}

function resolveRoutes(routes: readonly ReadRoute[] = []): Pick<ResolvedService, 'routes' | 'routeTimeoutsMs'> {
  const own = routes.flatMap(({ path, timeout }) => (timeout === undefined ? [] : [[path, timeout] as const]))
  return {
    routes: routes.map(({ path }) => path),
    ...(own.length === 0 ? {} : { routeTimeoutsMs: Object.fromEntries(own) }),
  }
}

function resolveProgram(service: ReadService, directory: string): ResolvedService['program'] {
  const { entry, command, static: files, fallback } = service
  if (files !== undefined) return { kind: 'files', directory: resolve(directory, files), fallback }
  return entry === undefined
    ? { kind: 'command', command: command as string }
    : { kind: 'entry', entry: resolve(directory, entry) }
}

function resolveSchedule({ cron, timezone, overlap, missed, timeLimit }: ReadSchedule): ResolvedSchedule {
  return {
    cron: cron as string,
    timezone: timezone ?? 'UTC',
    overlap: overlap ?? 'skip',
    missed: missed ?? 'once',
    timeLimitMs: timeLimit ?? DEFAULT_TIME_LIMIT_MS,
  }
}

function resolveInstances({ instances, schedule, static: files }: ReadService): ResolvedService['instances'] {
  if (files !== undefined) return { min: 0, desired: 0, max: 0 }
  if (schedule !== undefined) return { min: 0, desired: 0, max: schedule.overlap === 'allow' ? OVERLAP_MAX : 1 }
  const { min = 1, desired = min, max = desired } = instances ?? {}
  return { min, desired, max }
}

function resolveResources(resources: ReadResources | undefined): ResolvedResources {
  return { cpu: resources?.cpu, memoryBytes: resources?.memory }
}

function resolveLoad(load: ReadLoad, scenarios: readonly Scenario[], directory: string): ResolvedLoad {
  const arrivals = load.arrivals ?? { shape: 'poisson' }
  return {
    peakPerSecond: load.peak as number,
    scenarios: scenarios.map((scenario) => withAbsolutePaths(scenario, directory)),
    arrivals: arrivals.shape === 'trace' ? { ...arrivals, file: resolve(directory, arrivals.file) } : arrivals,
    durationMs: load.duration ?? DEFAULT_DURATION_MS,
    timeScale: load.timeScale ?? 1,
  }
}

function withAbsolutePaths(scenario: Scenario, directory: string): Scenario {
  const { feeds, steps } = scenario
  return {
    ...scenario,
    ...(feeds === undefined
      ? {}
      : {
          feeds: Object.fromEntries(
            Object.entries(feeds).map(([name, feed]) => [
              name,
              'file' in feed ? { ...feed, file: resolve(directory, feed.file) } : feed,
            ]),
          ),
        }),
    steps: steps.map((step) =>
      step.code === undefined
        ? step
        : { ...step, code: { ...step.code, module: resolve(directory, step.code.module) } },
    ),
  }
}

function mapped<Given, Result>(
  given: ReadonlyMap<string, Given | undefined> | undefined,
  each: (name: string, value: Given) => Result,
): Readonly<Record<string, Result>> {
  return Object.fromEntries([...(given ?? [])].map(([name, value]) => [name, each(name, value as Given)]))
}
