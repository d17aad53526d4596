import { join } from 'node:path'
import type { ResolvedBlueprint, ResolvedService } from '../blueprint/resolved-blueprint.ts'
import { isFiles } from '../blueprint/service-kind.ts'
import type { Span } from '../control/span.ts'
import type { Gateway, GatewayComponentOptions } from '../gateway/gateway-component.ts'
import { createGateway } from '../gateway/gateway-component.ts'
import type { PartsContext } from './parts-context.ts'
import { keepFrame } from './parts-context.ts'
import type { FilesByService, SystemCode } from './system-code.ts'

/** The gateway of a system, with the routes of its blueprint. */
export function createSystemGateway(context: PartsContext, code: SystemCode): Gateway {
  const { blueprint, state, user, subprocesses, clock } = context
  return createGateway({
    subprocesses,
    user,
    nodePath: code.node,
    entryFile: code.module('gateway/gateway-process'),
    ...blueprint.gateway,
    adminSocketPath: join(state.childRuntimeDirectory, 'gateway.sock'),
    logFile: join(state.logsDirectory, 'gateway.log'),
    clock,
    ...gatewayTable(blueprint, code.files),
    onState: (gateway) => context.change((snapshot) => ({ ...snapshot, gateway })),
    onNotice: (notice) => context.notice(notice),
  })
}

type GatewayTable = Pick<GatewayComponentOptions, 'routes' | 'services'>

/** Routes, limits and files as the gateway takes them. */
export function gatewayTable(blueprint: ResolvedBlueprint, files: FilesByService): GatewayTable {
  const services = Object.values(blueprint.services)
  return {
    routes: services.flatMap(({ name, routes, routeTimeoutsMs = {} }) =>
      routes.map((prefix) => ({ prefix, service: name, requestTimeoutMs: routeTimeoutsMs[prefix] })),
    ),
    services: Object.fromEntries(services.map((service) => [service.name, tableEntry(service, files)])),
  }
}

function tableEntry(service: ResolvedService, files: FilesByService): GatewayTable['services'][string] {
  const { name, requestTimeoutMs, routes, traffic } = service
  const release = files[name]
  if (!isFiles(service) || release === undefined) return { requestTimeoutMs, traffic }
  const { fallback } = service.program
  return { requestTimeoutMs, traffic, files: { directories: [release.directory, ...release.former], routes, fallback } }
}

/** Hands on the spans of the gateway until it is stopped for good. */
export async function keepGatewaySpans(gateway: Gateway, add: (spans: readonly Span[]) => void): Promise<void> {
  for await (const spans of gateway.spans()) add(spans)
}

/** Keeps the gateway's frames until it is stopped for good. */
export async function keepGatewayFrames(context: PartsContext, gateway: Gateway): Promise<void> {
  for await (const frame of gateway.frames()) keepFrame(context, frame)
}
