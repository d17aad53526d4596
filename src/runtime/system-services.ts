import type { Component } from '../core/component.ts'
import { TenfoldError } from '../core/errors.ts'
import type { InstanceTelemetry } from '../fleet/instance-telemetry.ts'
import { createLocalInstanceHost } from '../fleet/instance-hosts/local.ts'
import type { ServiceSupervisor } from '../fleet/service-supervisor.ts'
import { createServiceSupervisor } from '../fleet/service-supervisor.ts'
import type { Gateway } from '../gateway/gateway-component.ts'
import type { PartsContext } from './parts-context.ts'
import { bindingsOf } from './service-bindings.ts'
import { startTogether } from './start-together.ts'
import type { SystemCode } from './system-code.ts'

/** All services of a system. */
export interface SystemServices extends Component {
  start(signal: AbortSignal): Promise<void>
  /** @throws TF_USAGE for a service that is not there */
  scale(service: string, count: number): void
}

/** What services run on. */
export interface ServicesOptions {
  readonly code: SystemCode
  readonly gateway: Gateway
  readonly databaseUrl: (database: string) => string
  readonly telemetry: InstanceTelemetry
}

/** The services of a blueprint, each with a supervisor, started side by side. */
export function createSystemServices(context: PartsContext, options: ServicesOptions): SystemServices {
  const { blueprint, state, user, subprocesses, clock, environment } = context
  const { code, gateway, databaseUrl, telemetry } = options
  const supervisors = new Map<string, ServiceSupervisor>()

  return {
    async start(signal) {
      const host = await createLocalInstanceHost({
        subprocesses,
        user,
        node: code.node,
        tenfoldRoot: code.tenfoldRoot,
        logsDirectory: state.logsDirectory,
        bindingsDirectory: state.runtimeDirectory,
        blueprintDirectory: blueprint.directory,
        bindings: (service) => bindingsOf(service, blueprint, { databaseUrl, internalUrl: gateway.internalUrl() }),
        telemetry,
        surroundings: environment,
      })
      for (const service of Object.values(blueprint.services)) {
        const supervisor = createServiceSupervisor({
          service,
          release: code.release,
          host,
          balancer: gateway,
          clock,
          onStatus: (status) =>
            context.change((snapshot) => ({ ...snapshot, services: { ...snapshot.services, [status.name]: status } })),
          onNotice: (notice) => context.notice(notice),
        })
        supervisors.set(service.name, supervisor)
      }
      await startTogether(
        signal,
        [...supervisors.values()].map((supervisor) => (together: AbortSignal) => supervisor.start(together)),
      )
    },
    async stop(deadlineMs) {
      await Promise.all([...supervisors.values()].map((supervisor) => supervisor.stop(deadlineMs)))
    },
    scale(name, count) {
      const supervisor = supervisors.get(name)
      if (supervisor === undefined) {
        const known = [...supervisors.keys()].join(', ')
        throw new TenfoldError('TF_USAGE', `expected a running service (${known}), got ${JSON.stringify(name)}`)
      }
      supervisor.scale(count)
    },
  }
}
