import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { isFiles, kindOfService } from '../blueprint/service-kind.ts'
import type { ResolvedService } from '../blueprint/resolved-blueprint.ts'
import type { Component } from '../core/component.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { TenfoldError } from '../core/errors.ts'
import type { FileRelease } from '../fleet/file-releases.ts'
import type { Balancer } from '../fleet/balancer-port.ts'
import { compileCacheDirectory } from '../fleet/compile-cache.ts'
import { drainTimeoutMsOf } from '../fleet/drain-timeout.ts'
import type { InstanceTelemetry } from '../fleet/instance-telemetry.ts'
import type { JobSurroundings, LocalInstanceHost } from '../fleet/instance-hosts/local.ts'
import { createLocalInstanceHost } from '../fleet/instance-hosts/local.ts'
import type { RunningJob } from '../fleet/job-scheduler.ts'
import type { Release } from '../fleet/release.ts'
import type { Revision } from '../fleet/revision.ts'
import type { RolloutOptions } from '../fleet/rollout.ts'
import type { ServiceSupervisor } from '../fleet/service-supervisor.ts'
import { createServiceSupervisor } from '../fleet/service-supervisor.ts'
import type { Gateway } from '../gateway/gateway-component.ts'
import { releaseOf } from './apply-plan.ts'
import { initialStatus } from './initial-snapshot.ts'
import type { ShardBinding } from '../service/bindings-document.ts'
import type { PartsContext } from './parts-context.ts'
import type { EngineUrls } from './engine-urls.ts'
import { bindingsOf } from './service-bindings.ts'
import { startTogether } from './start-together.ts'
import type { FilesByService, SystemCode } from './system-code.ts'

/** All services of a system. */
export interface SystemServices extends Component {
  start(signal: AbortSignal): Promise<void>
  /** @throws TF_USAGE for a service that is not there */
  scale(service: string, count: number): void
  /** Starts a service that is new. Nothing of it runs when it rejects. Throws as its supervisor's start. */
  add(revision: Revision, signal: AbortSignal): Promise<void>
  /** Replaces the instances of a service, as its supervisor does. */
  replace(revision: Revision, options: RolloutOptions): Promise<void>
  /** Where a program of a service runs that is not one of its instances. @throws TF_USAGE, TF_SECRET_MISSING */
  surroundingsOf(service: string, id: string): Promise<JobSurroundings>
  /** Runs the program of a service once. @throws TF_USAGE, TF_SECRET_MISSING, TF_SPAWN_FAILED */
  startJob(service: string, id: string): Promise<RunningJob>
  /** What runs of a service; undefined when it does not. */
  revisionOf(service: string): Revision | undefined
  /** What runs of all services. */
  revisions(): readonly (readonly [service: string, revision: Revision])[]
  /** The files that are served. */
  filesInUse(): FilesByService
  /** Ids of the releases that services run. */
  releasesInUse(): readonly string[]
  /** Stops a service: requests under way are finished. Nothing happens if it does not run. */
  remove(service: string): Promise<void>
  /** Waits until nothing is on its way in or out any more, at most so long. */
  settled(deadlineMs: number): Promise<void>
  /** Tells all instances anew what they may reach. */
  rebind(): Promise<void>
}

/** What services run on. */
export interface ServicesOptions {
  readonly code: SystemCode
  readonly gateway: Gateway
  readonly database: (database: string, service: string) => readonly ShardBinding[]
  readonly doorPort: (database: string) => number | undefined
  readonly engineUrls: Pick<EngineUrls, 'known'>
  readonly telemetry: InstanceTelemetry
}

/** Where an autoscaler decides, a start goes on with as many instances as an earlier run has left. */
function desiredOf({ scale, instances }: ResolvedService, earlier: number): number {
  const { min, desired, max } = instances
  return scale === undefined || earlier === 0 ? desired : Math.min(max, Math.max(min, earlier))
}

/** The services of a blueprint, each with a supervisor, started side by side. */
export function createSystemServices(context: PartsContext, options: ServicesOptions): SystemServices {
  const { state, user, subprocesses, clock, environment, inspected } = context
  const { code, gateway, database, doorPort, engineUrls, telemetry } = options
  const supervisors = new Map<string, ServiceSupervisor>()
  let host: LocalInstanceHost | undefined

  /** What a failed start lets go serves on as the gateway knows it. */
  const balancer: Balancer = {
    publish: async (service, endpoints) => {
      if (!subprocesses.isLettingGo) await gateway.publish(service, endpoints)
    },
    drained: async (service, id, deadlineMs) =>
      subprocesses.isLettingGo || (await gateway.drained(service, id, deadlineMs)),
  }

  function supervise({ service, release }: Revision): ServiceSupervisor {
    const earlierIds = earlierIdsOf(service.name, release)
    const supervisor = createServiceSupervisor({
      service,
      release,
      host: host!,
      balancer,
      onStartFailed: () => context.startFailed(),
      earlierIds,
      // Time-outs of routes are edited while it runs.
      drainTimeoutMs: () => drainTimeoutMsOf(context.blueprint.services[service.name] ?? service),
      desired: desiredOf(service, earlierIds.length),
      startsAtOnce: Math.max(1, Math.floor(availableParallelism() / 2)),
      clock,
      onStatus: (status) =>
        context.change((snapshot) => {
          const { services } = snapshot
          const former = services[status.name] ?? initialStatus(service)
          return { ...snapshot, services: { ...services, [status.name]: { ...former, ...status } } }
        }),
      onNotice: (notice) => context.notice(notice),
      // Who stands at a breakpoint answers no health check.
      ...(service.name === inspected ? { restartAfterProbes: Infinity } : {}),
    })
    supervisors.set(service.name, supervisor)
    return supervisor
  }

  /** Those first that run the release: they can be gone on with. */
  function earlierIdsOf(service: string, { id }: Release): readonly string[] {
    const isAdoptable = (name: string): boolean => subprocesses.leftover(name)?.['release'] === id
    return subprocesses
      .leftovers()
      .filter((name) => /^(.+)-\d+$/.exec(name)?.[1] === service)
      .toSorted((a, b) => Number(isAdoptable(b)) - Number(isAdoptable(a)))
  }

  function sayInspected(instance: string, port: number): void {
    const message = `${instance} listens for a debugger on 127.0.0.1:${port}`
    context.notice({ level: 'info', message, hint: 'chrome://inspect, or "attach" in your editor' })
  }

  function find(name: string): ServiceSupervisor {
    const supervisor = supervisors.get(name)
    if (supervisor !== undefined) return supervisor
    const known = [...supervisors.keys()].join(', ')
    const meant = didYouMean(name, supervisors.keys())
    throw new TenfoldError('TF_USAGE', `expected a running service (${known}), got ${JSON.stringify(name)}`, {
      hint: meant === undefined ? 'name one of them' : `did you mean ${meant}?`,
    })
  }

  return {
    async start(signal) {
      const { blueprint } = context
      host = await createLocalInstanceHost({
        subprocesses,
        user,
        node: code.node,
        tenfoldRoot: code.tenfoldRoot,
        logsDirectory: state.logsDirectory,
        bindingsDirectory: state.runtimeDirectory,
        blueprintDirectory: blueprint.directory,
        blueprintFile: blueprint.file,
        bindings: (service) =>
          bindingsOf(service, context.blueprint, {
            database,
            doorPort,
            internalUrl: gateway.internalUrl(),
            engineUrl: (engine) => engineUrls.known(engine),
          }),
        telemetry,
        inspect: inspected === undefined ? undefined : { service: inspected, onPort: sayInspected },
        compileCache: await compileCacheDirectory(dirname(state.releasesDirectory), user),
        surroundings: environment,
        secrets: context.secrets,
      })
      for (const service of Object.values(blueprint.services))
        supervise({ service, release: releaseOf(code, service.name) })
      await startTogether(
        signal,
        [...supervisors.values()].map((supervisor) => (together: AbortSignal) => supervisor.start(together)),
      )
    },
    async stop(deadlineMs) {
      await Promise.all([...supervisors.values()].map((supervisor) => supervisor.stop(deadlineMs)))
    },
    async add(revision, signal) {
      const supervisor = supervise(revision)
      try {
        await supervisor.start(signal)
      } catch (error) {
        supervisors.delete(revision.service.name)
        throw error
      }
    },
    async replace(revision, options) {
      await supervisors.get(revision.service.name)?.replace(revision, options)
    },
    async surroundingsOf(service, id) {
      const { revision } = find(service)
      if (isFiles(revision.service)) throw noProgram(service, 'run')
      return host!.surroundingsOf({ id, ...revision })
    },
    startJob: async (service, id) => host!.startJob({ id, ...find(service).revision }),
    revisionOf: (service) => supervisors.get(service)?.revision,
    revisions: () => [...supervisors].map(([name, { revision }]) => [name, revision] as const),
    filesInUse: () =>
      Object.fromEntries(
        [...supervisors].flatMap(([name, { revision }]) =>
          isFiles(revision.service) ? [[name, revision.release as FileRelease]] : [],
        ),
      ),
    releasesInUse: () => [...supervisors.values()].map(({ revision }) => revision.release.id),
    async remove(service) {
      const supervisor = supervisors.get(service)
      supervisors.delete(service)
      // Half of it is for requests under way: as long as any instance gets that leaves.
      await supervisor?.stop(2 * drainTimeoutMsOf(supervisor.revision.service))
    },
    async settled(deadlineMs) {
      await Promise.all([...supervisors.values()].map((supervisor) => supervisor.settled(deadlineMs)))
    },
    async rebind() {
      for (const service of supervisors.keys()) await host?.rebind(service)
    },
    scale(name, count) {
      const supervisor = find(name)
      if (kindOfService(supervisor.revision.service) !== 'server') throw noProgram(name, 'scale')
      supervisor.scale(count)
    },
  }
}

function noProgram(service: string, what: 'run' | 'scale'): TenfoldError {
  return new TenfoldError('TF_USAGE', `expected a service with instances of its own, got ${service}`, {
    hint:
      what === 'scale' ? 'name a service that gets requests and has a program' : 'name a service that has a program',
  })
}
