import { dirname, join } from 'node:path'
import type { ResolvedBlueprint, ResolvedDatabase } from '../blueprint/resolved-blueprint.ts'
import { createCluster } from '../clusters/cluster.ts'
import type { Cluster, ClusterState } from '../clusters/cluster-state.ts'
import { createExternalServer } from '../clusters/external-server.ts'
import { findPostgresBinaries } from '../clusters/postgres-binaries.ts'
import { createControlServer } from '../control/control-server.ts'
import type { FrameStore } from '../control/frame-store.ts'
import { createHostMetrics } from '../control/host-metrics.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { Notice, SystemSnapshot } from '../control/snapshot.ts'
import type { SnapshotStore } from '../control/snapshot-store.ts'
import type { StateDirectory } from '../control/state-directory.ts'
import type { ChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { Subprocesses } from '../core/subprocess.ts'
import type { InstanceLogs } from '../fleet/instance-log.ts'
import { createInstanceLogs } from '../fleet/instance-log.ts'
import type { InstanceTelemetry } from '../fleet/instance-telemetry.ts'
import { createInstanceTelemetry } from '../fleet/instance-telemetry.ts'
import { createLocalInstanceHost } from '../fleet/instance-hosts/local.ts'
import { materialisePackage, tenfoldPackageRoot } from '../fleet/materialise-package.ts'
import type { Release } from '../fleet/release.ts'
import type { ReleaseStore } from '../fleet/release-store.ts'
import { createReleaseStore } from '../fleet/release-store.ts'
import type { ServiceSupervisor } from '../fleet/service-supervisor.ts'
import { createServiceSupervisor } from '../fleet/service-supervisor.ts'
import type { Gateway } from '../gateway/gateway-component.ts'
import { createGateway } from '../gateway/gateway-component.ts'
import { systemCommands } from './commands.ts'
import type { DatabaseUnit } from './database-unit.ts'
import { createDatabaseUnit } from './database-unit.ts'
import { createProcessMetrics } from './process-metrics.ts'
import { bindingsOf } from './service-bindings.ts'
import { startTogether } from './start-together.ts'

/** What the parts are made from, and what they report to. */
export interface SystemPartsOptions {
  readonly blueprint: ResolvedBlueprint
  readonly state: StateDirectory
  /** The account of the children; undefined: ours. */
  readonly user: ChildUser | undefined
  readonly subprocesses: Subprocesses
  readonly clock: Clock
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly snapshots: SnapshotStore
  readonly frames: FrameStore
  change(change: (snapshot: SystemSnapshot) => SystemSnapshot): void
  notice(notice: Omit<Notice, 'atEpochMs'>): void
  requestStop(): void
}

/**
 * Everything that runs of a system. The control socket opens before the rest and closes after it, so that the start
 * and the end can be watched.
 */
export interface SystemParts extends Component {
  openControl(signal: AbortSignal): Promise<void>
  start(signal: AbortSignal): Promise<void>
  /** Ends every process within the deadline, in no order, while a start or a stop goes on. */
  hasten(deadlineMs: number): Promise<void>
  closeControl(): Promise<void>
}

/** Tenfold's own code and the release, where the children's account can read them. */
interface Code {
  readonly node: string
  readonly tenfoldRoot: string
  readonly release: Release
}

/** Puts the parts together; see `createSystem` for the order. */
export function createSystemParts(options: SystemPartsOptions): SystemParts {
  return new WiredParts(options)
}

class WiredParts implements SystemParts {
  readonly #options: SystemPartsOptions
  readonly #control: Component
  readonly #metrics: readonly Component[]
  readonly #releases: ReleaseStore
  readonly #telemetry: InstanceTelemetry
  readonly #logs: InstanceLogs
  readonly #code = Promise.withResolvers<Code>()
  #gateway: Gateway | undefined
  #databases = new Map<string, DatabaseUnit>()
  #services = new Map<string, ServiceSupervisor>()

  constructor(options: SystemPartsOptions) {
    const { blueprint, state, user, subprocesses, clock, frames } = options
    this.#options = options
    this.#releases = createReleaseStore({ dataRoot: dirname(state.releasesDirectory), user, clock })
    this.#logs = createInstanceLogs({
      directory: state.logsDirectory,
      onProblem: (message) => options.notice({ level: 'warning', message }),
      clock,
    })
    this.#control = createControlServer({
      socket: state.controlSocket,
      auditFile: state.auditFile,
      snapshots: options.snapshots,
      frames,
      logs: this.#logs,
      clock,
      commands: systemCommands({
        requestStop: () => options.requestStop(),
        scale: (service, count) => this.#supervisorOf(service).scale(count),
        showRehearsal: (rehearsal) => options.change((snapshot) => ({ ...snapshot, rehearsal })),
      }),
    })
    this.#telemetry = createInstanceTelemetry({
      socket: join(state.runtimeDirectory, 'telemetry.sock'),
      user,
      onFrame: (frame) => this.#keep(frame),
    })
    this.#metrics = [
      createHostMetrics({ clock, append: (frame) => this.#keep(frame) }),
      createProcessMetrics({
        list: () => subprocesses.list(),
        ownerOf: (name) => processOwner(name, blueprint),
        append: (frame) => this.#keep(frame),
        clock,
      }),
    ]
    // Whoever waits for the code is told by its own start; nobody may be waiting.
    this.#code.promise.catch(() => undefined)
  }

  async openControl(signal: AbortSignal): Promise<void> {
    await this.#control.start(signal)
  }

  async start(signal: AbortSignal): Promise<void> {
    for (const component of [...this.#metrics, this.#telemetry]) await component.start(signal)
    await startTogether(signal, [
      () => this.#prepareCode(),
      (together) => this.#startGateway(together),
      (together) => this.#startDatabases(together),
    ])
    await this.#startServices(signal)
  }

  async stop(deadlineMs: number): Promise<void> {
    // In the order in which a request would meet them, so that none meets a part that has left.
    await this.#gateway?.stop(deadlineMs)
    await Promise.all([...this.#services.values()].map((service) => service.stop(deadlineMs)))
    await Promise.all([...this.#databases.values()].map((database) => database.stop(deadlineMs)))
    for (const component of [this.#telemetry, ...this.#metrics]) await component.stop(deadlineMs)
    await this.#options.subprocesses.stopAll(deadlineMs)
  }

  hasten(deadlineMs: number): Promise<void> {
    return this.#options.subprocesses.stopAll(deadlineMs)
  }

  async closeControl(): Promise<void> {
    await this.#logs.close()
    await this.#control.stop()
  }

  async #prepareCode(): Promise<void> {
    const { state, user, clock, blueprint } = this.#options
    try {
      const [node, tenfoldRoot, release] = await Promise.all([
        this.#releases.readableNode(process.execPath),
        materialisePackage(tenfoldPackageRoot(), { dataRoot: dirname(state.releasesDirectory), user, clock }),
        this.#releases.take(blueprint.directory),
      ])
      this.#code.resolve({ node, tenfoldRoot, release })
      await this.#releases.prune(new Set([release.id]))
    } catch (error) {
      this.#code.reject(error)
      throw error
    }
  }

  async #startGateway(signal: AbortSignal): Promise<void> {
    const { blueprint, state, user, subprocesses, clock } = this.#options
    const { node, tenfoldRoot } = await this.#code.promise
    const services = Object.values(blueprint.services)
    this.#gateway = createGateway({
      subprocesses,
      user,
      nodePath: node,
      entryFile: inPackage(tenfoldRoot, 'gateway/gateway-process'),
      ...blueprint.gateway,
      adminSocketPath: join(state.childRuntimeDirectory, 'gateway.sock'),
      logFile: join(state.logsDirectory, 'gateway.log'),
      clock,
      routes: services.flatMap(({ name, routes }) => routes.map((prefix) => ({ prefix, service: name }))),
      services: Object.fromEntries(services.map(({ name, requestTimeoutMs }) => [name, { requestTimeoutMs }])),
      onState: (gateway) => this.#options.change((snapshot) => ({ ...snapshot, gateway })),
      onNotice: (notice) => this.#options.notice(notice),
    })
    await this.#gateway.start(signal)
    void this.#collect(this.#gateway)
  }

  /** Until the gateway is stopped for good. */
  async #collect(gateway: Gateway): Promise<void> {
    for await (const frame of gateway.frames()) this.#keep(frame)
  }

  /** A frame that this version does not know is left out, and said; it must not end what reports it. */
  #keep(frame: MetricFrame): void {
    try {
      this.#options.frames.append(frame)
    } catch (error) {
      this.#options.notice({
        level: 'warning',
        message: `a metric frame of ${frame.source} is left out: ${messageOf(error)}`,
      })
    }
  }

  async #startDatabases(signal: AbortSignal): Promise<void> {
    const { blueprint, state, user, subprocesses, clock } = this.#options
    const isEmbedded = Object.values(blueprint.databases).some(({ engine }) => engine.kind === 'embedded')
    const binaries = isEmbedded ? await findPostgresBinaries({ user }) : undefined
    const release = this.#code.promise.then((code) => code.release)
    release.catch(() => undefined)

    const clusterOf = (database: ResolvedDatabase, onState: (state: ClusterState) => void): Cluster => {
      const { name, engine, resources } = database
      if (engine.kind === 'server') {
        return createExternalServer({ name, url: this.#serverUrl(name, engine.urlVariable), onState })
      }
      return createCluster({
        name,
        dataDirectory: join(state.dataDirectory, name),
        binaries: binaries!,
        subprocesses,
        logFile: join(state.logsDirectory, `${name}.log`),
        user,
        limits: resources,
        socketDirectory: state.childRuntimeDirectory,
        clock,
        onState,
      })
    }

    const start = async (database: ResolvedDatabase, together: AbortSignal): Promise<void> => {
      const { node, tenfoldRoot } = await this.#code.promise
      const unit = createDatabaseUnit({
        database,
        cluster: (onState) => clusterOf(database, onState),
        blueprintDirectory: blueprint.directory,
        release,
        seeding: {
          subprocesses,
          user,
          node,
          program: inPackage(tenfoldRoot, 'clusters/seed-process'),
          logFile: join(state.logsDirectory, `${database.name}-seed.log`),
          clock,
        },
        onStatus: (status) =>
          this.#options.change((snapshot) => ({
            ...snapshot,
            databases: { ...snapshot.databases, [status.name]: status },
          })),
      })
      this.#databases.set(database.name, unit)
      await unit.start(together)
    }
    await startTogether(
      signal,
      Object.values(blueprint.databases).map((database) => (together: AbortSignal) => start(database, together)),
    )
  }

  async #startServices(signal: AbortSignal): Promise<void> {
    const { blueprint, state, user, subprocesses, clock, environment } = this.#options
    const { node, tenfoldRoot, release } = await this.#code.promise
    const gateway = this.#gateway!
    const host = await createLocalInstanceHost({
      subprocesses,
      user,
      node,
      tenfoldRoot,
      logsDirectory: state.logsDirectory,
      bindingsDirectory: state.runtimeDirectory,
      blueprintDirectory: blueprint.directory,
      bindings: (service) =>
        bindingsOf(service, blueprint, {
          databaseUrl: (database) => this.#databases.get(database)!.url(),
          internalUrl: gateway.internalUrl(),
        }),
      telemetry: this.#telemetry,
      surroundings: environment,
    })
    for (const service of Object.values(blueprint.services)) {
      const supervisor = createServiceSupervisor({
        service,
        release,
        host,
        balancer: gateway,
        clock,
        onStatus: (status) =>
          this.#options.change((snapshot) => ({
            ...snapshot,
            services: { ...snapshot.services, [status.name]: status },
          })),
        onNotice: (notice) => this.#options.notice(notice),
      })
      this.#services.set(service.name, supervisor)
    }
    await startTogether(
      signal,
      [...this.#services.values()].map((service) => (together: AbortSignal) => service.start(together)),
    )
  }

  #serverUrl(database: string, variable: string): string {
    const url = this.#options.environment[variable]
    if (url !== undefined && url !== '') return url
    throw new TenfoldError(
      'TF_SECRET_MISSING',
      `expected ${variable} to hold the URL of database ${database}, got nothing`,
      {
        hint: `export ${variable}=postgres://user:password@host:5432/${database} and run the command again`,
        details: { variable, database },
      },
    )
  }

  #supervisorOf(name: string): ServiceSupervisor {
    const service = this.#services.get(name)
    if (service !== undefined) return service
    const known = [...this.#services.keys()].join(', ')
    throw new TenfoldError('TF_USAGE', `expected a running service (${known}), got ${JSON.stringify(name)}`)
  }
}

/** A module of Tenfold in a copy of its package: TypeScript in a checkout, JavaScript where it was built. */
function inPackage(tenfoldRoot: string, module: string): string {
  return import.meta.url.endsWith('.ts')
    ? join(tenfoldRoot, 'src', `${module}.ts`)
    : join(tenfoldRoot, 'dist', `${module}.js`)
}

/** Whose process a child is: names are given by the parts, instances and nodes by their ids. */
function processOwner(
  name: string,
  { services, databases }: ResolvedBlueprint,
): { source: string; labels: Readonly<Record<string, string>> } | undefined {
  if (name === 'gateway') return { source: 'gateway', labels: {} }
  if (Object.hasOwn(databases, name)) return { source: `postgres/${name}`, labels: { database: name } }
  const service = name.replace(/-\d+$/, '')
  if (!Object.hasOwn(services, service)) return undefined
  return { source: `instance/${name}`, labels: { service, instance: name } }
}
