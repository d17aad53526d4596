import { join } from 'node:path'
import type { ControlServer } from '../control/control-server.ts'
import { createControlServer } from '../control/control-server.ts'
import { createStateWatch } from '../control/state-watch.ts'
import { createHostMetrics } from '../control/host-metrics.ts'
import type { Component } from '../core/component.ts'
import { TenfoldError, messageOf } from '../core/errors.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import { createInstanceLogs } from '../fleet/instance-log.ts'
import type { InstanceLogs } from '../fleet/instance-log.ts'
import type { ReleaseBook } from '../fleet/release-book.ts'
import type { InstanceTelemetry } from '../fleet/instance-telemetry.ts'
import { createInstanceTelemetry } from '../fleet/instance-telemetry.ts'
import type { Gateway } from '../gateway/gateway-component.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import type { Applier } from './apply.ts'
import { createApplier } from './apply.ts'
import { jobPlace } from './jobs.ts'
import { systemCommands } from './commands.ts'
import { endSuccession } from './end-succession.ts'
import type { EngineUrls } from './engine-urls.ts'
import { createEngineUrls } from './engine-urls.ts'
import { strikeProcesses } from './faults.ts'
import { withHeldReleases } from './held-releases.ts'
import type { PartsContext } from './parts-context.ts'
import { keepFrame } from './parts-context.ts'
import { createProcessMetrics, processOwner } from './process-metrics.ts'
import { openBook, recordStart } from './release-record.ts'
import type { Releaser } from './releaser.ts'
import { createReleaser } from './releaser.ts'
import { startTogether } from './start-together.ts'
import type { SystemScaler } from './system-autoscaler.ts'
import { createSystemScaler } from './system-autoscaler.ts'
import type { SystemCode } from './system-code.ts'
import { prepareCode } from './system-code.ts'
import type { SystemDatabases } from './system-databases.ts'
import { createSystemDatabases } from './system-databases.ts'
import type { SystemDoors } from './system-doors.ts'
import { createSystemDoors } from './system-doors.ts'
import { createSystemGateway, keepGatewayFrames, keepGatewaySpans } from './system-gateway.ts'
import type { SystemJobs } from './system-jobs.ts'
import { createSystemJobs } from './system-jobs.ts'
import type { SystemMessaging } from './system-messaging.ts'
import { createSystemMessaging } from './system-messaging.ts'
import type { SystemServices } from './system-services.ts'
import { createSystemServices } from './system-services.ts'
import { createCollectors, createSystemTelemetry } from './system-telemetry.ts'

/**
 * Everything that runs of a system. The control socket opens before the rest and closes after it, so that the start
 * and the end can be watched.
 */
export interface SystemParts extends Component {
  openControl(signal: AbortSignal): Promise<void>
  start(signal: AbortSignal): Promise<void>
  /** Takes edits over. @throws TF_NOT_RUNNING before the start has ended */
  applier(): Applier
  /** Ends every process within the deadline, in no order, while a start or a stop goes on. */
  hasten(deadlineMs: number): Promise<void>
  closeControl(): Promise<void>
}

/** Puts the parts together; see `createSystem` for the order. */
export function createSystemParts(context: PartsContext): SystemParts {
  return new WiredParts(context)
}

class WiredParts implements SystemParts {
  readonly #context: PartsContext
  readonly #control: ControlServer
  readonly #metrics: readonly Component[]
  readonly #telemetry: InstanceTelemetry
  readonly #history: Telemetry
  readonly #logs: InstanceLogs
  readonly #code = Promise.withResolvers<SystemCode>()
  readonly #databases: SystemDatabases
  readonly #doors: SystemDoors
  readonly #messaging: SystemMessaging
  readonly #engineUrls: EngineUrls
  #telling: Promise<void> = Promise.resolve()
  #gateway: Gateway | undefined
  #services: SystemServices | undefined
  #jobs: SystemJobs | undefined
  #applier: Applier | undefined
  #releaser: Releaser | undefined
  #scaler: SystemScaler | undefined

  constructor(context: PartsContext) {
    const { state, user, subprocesses, clock, snapshots, frames } = context
    const append = keepFrame.bind(undefined, context)
    this.#context = context
    this.#engineUrls = createEngineUrls(context.secrets)
    this.#logs = createInstanceLogs({
      directory: state.logsDirectory,
      onProblem: (message) => context.notice({ level: 'warning', message }),
      hide: (line) => context.secrets.hide(line),
      clock,
    })
    this.#history = createSystemTelemetry(context)
    this.#control = createControlServer({
      socket: state.controlSocket,
      auditFile: state.auditFile,
      snapshots,
      frames,
      logs: this.#logs,
      series: this.#history,
      clock,
      commands: systemCommands({
        requestStop: () => context.requestStop(),
        scale: (service, count) => (this.#scaler ?? stillStarting()).scaleTo(service, count),
        applier: () => this.applier(),
        releaser: () => this.#releaser ?? stillStarting(),
        job: (service, id) => jobPlace(context, this.#services, service, id),
        strike: (ids, fault) => strikeProcesses(snapshots.current(), subprocesses.list(), ids, fault),
        databaseUrl: (name, shard) => this.#databases.url(name, shard),
        migrate: (name, isDryRun, signal) =>
          isDryRun
            ? this.#databases.newMigrations(name)
            : this.applier().inTurn(() => this.#databases.migrate(name, signal)),
        databases: () => this.#databases,
        shards: (name) => this.#databases.shards(name),
        topics: () => this.#messaging.topics,
        queues: () => this.#messaging.queues,
        showRehearsal: (rehearsal) => context.change((snapshot) => ({ ...snapshot, rehearsal })),
      }),
    })
    this.#telemetry = createInstanceTelemetry({
      socket: join(state.runtimeDirectory, 'telemetry.sock'),
      user,
      onFrame: append,
      onSpans: (spans) => this.#history.addSpans(spans),
    })
    const engineUrls = this.#engineUrls
    this.#messaging = createSystemMessaging(context, {
      append,
      ownerUrl: (name) => this.#databases.url(name),
      engineUrls,
    })
    this.#metrics = [
      createStateWatch({ directory: state.directory, clock, onNotice: (notice) => context.notice(notice) }),
      createHostMetrics({ clock, append }),
      createProcessMetrics({
        list: () => subprocesses.list(),
        ownerOf: (name) => processOwner(name, context.blueprint),
        append,
        clock,
      }),
      ...createCollectors(context, { append, adminUrl: (name) => this.#databases.adminUrl(name) }),
      ...this.#messaging.lags,
    ]
    // Whoever waits for the code is told by its own start; nobody may be waiting.
    this.#code.promise.catch(() => undefined)
    this.#databases = createSystemDatabases(context, this.#code.promise, {
      onAddress: () => void this.#tellAddresses(),
      onPrimary: () => void this.#doors.follow(),
      engineUrls,
    })
    this.#doors = createSystemDoors({
      file: state.doorsFile,
      gateway: () => this.#gateway!,
      primaries: () => this.#databases.primaries(),
      clock,
      onProblem: (message) => context.notice({ level: 'error', message }),
    })
  }

  /** What can't be told now is told by the next change, or by the start of an instance. */
  async #tellAddresses(): Promise<void> {
    // One after the other: what was known last is written last.
    const told = this.#telling.then(() => this.#services?.rebind())
    this.#telling = told.catch(() => undefined)
    try {
      await told
    } catch (error) {
      const message = `services do not know where a database is now: ${messageOf(error)}`
      this.#context.notice({ level: 'error', message })
    }
  }

  async openControl(signal: AbortSignal): Promise<void> {
    await this.#control.start(signal)
  }

  async start(signal: AbortSignal): Promise<void> {
    for (const component of [this.#history, ...this.#metrics, this.#telemetry]) await component.start(signal)
    const book = await openBook(this.#context)
    await startTogether(
      signal,
      [
        (together) => this.#prepareCode(book, together),
        (together) => this.#startGateway(together),
        (together) => this.#databases.start(together),
      ],
      () => this.#context.startFailed(),
    )
    await this.#doors.update()
    await unlessAborted(this.#messaging.setUpQueues(), signal, 'the queues on RabbitMQ to be made')
    this.#services = createSystemServices(this.#context, {
      code: await this.#code.promise,
      gateway: this.#gateway!,
      database: (name, service) => this.#databases.binding(name, service),
      doorPort: (name) => this.#doors.portOf(name),
      engineUrls: this.#engineUrls,
      telemetry: this.#telemetry,
    })
    const [services, code] = [this.#services, await this.#code.promise]
    await services.start(signal)
    await recordStart(this.#context, book, code)
    await endSuccession(this.#context, { gateway: this.#gateway!, code, book }, signal)
    const jobs = createSystemJobs(this.#context, services)
    this.#jobs = jobs
    await jobs.follow()
    const parts = {
      gateway: this.#gateway!,
      databases: this.#databases,
      doors: this.#doors,
      services,
      jobs,
      code,
      book,
      setUpQueues: () => this.#messaging.setUpQueues(),
    }
    this.#applier = createApplier(this.#context, parts)
    this.#releaser = createReleaser(this.#context, parts, this.#applier)
    this.#scaler = createSystemScaler(this.#context, services, this.#control.audit)
    await this.#scaler.start()
    await this.#messaging.housekeeping.start(signal)
  }

  applier(): Applier {
    return this.#applier ?? stillStarting()
  }

  async stop(deadlineMs: number): Promise<void> {
    // It may wait for a server that hangs, until that is ended.
    const tidied = this.#messaging.housekeeping.stop(deadlineMs)
    await this.#scaler?.stop(deadlineMs)
    // In the order in which a request would meet them, so that none meets a part that has left.
    await this.#gateway?.closeEntrances(deadlineMs)
    await this.#jobs?.stop(deadlineMs)
    await this.#services?.stop(deadlineMs)
    await this.#gateway?.stop(deadlineMs)
    await this.#databases.stop(deadlineMs)
    await tidied
    for (const component of [this.#telemetry, ...this.#metrics, this.#history]) await component.stop(deadlineMs)
    const { subprocesses } = this.#context
    if (!subprocesses.isLettingGo) await subprocesses.endLeftovers(undefined, deadlineMs)
    await subprocesses.stopAll(deadlineMs)
  }

  async hasten(deadlineMs: number): Promise<void> {
    const { subprocesses } = this.#context
    await Promise.all([subprocesses.endLeftovers(undefined, deadlineMs), subprocesses.stopAll(deadlineMs)])
  }

  async closeControl(): Promise<void> {
    await this.#logs.close()
    await this.#control.stop()
  }

  async #prepareCode({ history }: ReleaseBook, signal: AbortSignal): Promise<void> {
    try {
      this.#code.resolve(await withHeldReleases(this.#context, history, await prepareCode(this.#context, signal)))
    } catch (error) {
      this.#code.reject(error)
      throw error
    }
  }

  async #startGateway(signal: AbortSignal): Promise<void> {
    this.#gateway = createSystemGateway(this.#context, await this.#code.promise)
    await this.#gateway.start(signal)
    void keepGatewayFrames(this.#context, this.#gateway)
    void keepGatewaySpans(this.#gateway, (spans) => this.#history.addSpans(spans))
  }
}

function stillStarting(): never {
  throw new TenfoldError('TF_NOT_RUNNING', 'expected the system to run, but it is still starting', {
    hint: 'wait until "tenfold status" says running, then repeat it',
  })
}
