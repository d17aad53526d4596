import { resolve } from 'node:path'
import type { ReadDatabase } from './grammar/database.ts'
import type { ReadResources } from './grammar/engine.ts'
import type { ReadLoad } from './grammar/load.ts'
import type { ReadService } from './grammar/service.ts'
import type { ReadSystem } from './grammar/system.ts'
import { resolveTraffic } from './grammar/traffic.ts'
import type {
  ResolvedBlueprint,
  ResolvedDatabase,
  ResolvedLoad,
  ResolvedResources,
  ResolvedService,
} from './resolved-blueprint.ts'
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
    gateway: {
      host: system.gateway?.host ?? DEFAULT_HOST,
      port: system.gateway?.port ?? DEFAULT_PORT,
      isPortGiven: system.gateway?.port !== undefined,
    },
    databases: mapped(system.databases, (name, database) => resolveDatabase(name, database, directory)),
    services: mapped(system.services, (name, service) => resolveService(name, service, directory)),
    objectives: mapped(system.objectives, (service, objective) => ({ service, ...objective })),
    load: system.load === undefined ? undefined : resolveLoad(system.load, scenarios, directory),
  }
}

function resolveDatabase(name: string, database: ReadDatabase, directory: string): ResolvedDatabase {
  const variable = database.url?.env
  return {
    name,
    engine: variable === undefined ? { kind: 'embedded' } : { kind: 'server', urlVariable: variable },
    migrations: (database.migrations ?? []).map((path) => resolve(directory, path)),
    seeds: (database.seed ?? []).map((path) => resolve(directory, path)),
    resources: resolveResources(database.resources),
  }
}

function resolveService(name: string, service: ReadService, directory: string): ResolvedService {
  const { min = 1, desired = min, max = desired } = service.instances ?? {}
  return {
    name,
    program:
      service.entry === undefined
        ? { kind: 'command', command: service.command as string }
        : { kind: 'entry', entry: resolve(directory, service.entry) },
    listensOn:
      service.port === undefined
        ? undefined
        : { port: service.port, isMoved: service.command === undefined || runsNode(service.command) },
    routes: service.routes ?? [],
    databases: service.databases ?? [],
    calls: service.calls ?? [],
    env: mapped(service.env, (_, value) => value),
    instances: { min, desired, max },
    resources: resolveResources(service.resources),
    health: service.health,
    startTimeoutMs: service.startTimeout ?? DEFAULT_START_TIMEOUT_MS,
    stopTimeoutMs: service.stopTimeout ?? DEFAULT_STOP_TIMEOUT_MS,
    requestTimeoutMs: service.timeout ?? DEFAULT_REQUEST_TIMEOUT_MS,
    traffic: resolveTraffic(service.traffic, service.health),
  }
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
