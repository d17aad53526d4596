import { join } from 'node:path'
import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import type { Span } from '../control/span.ts'
import type { Gateway, GatewayComponentOptions } from '../gateway/gateway-component.ts'
import { createGateway } from '../gateway/gateway-component.ts'
import type { PartsContext } from './parts-context.ts'
import { keepFrame } from './parts-context.ts'
import type { SystemCode } from './system-code.ts'

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
    ...gatewayTable(blueprint),
    onState: (gateway) => context.change((snapshot) => ({ ...snapshot, gateway })),
    onNotice: (notice) => context.notice(notice),
  })
}

/** Routes and limits as the gateway takes them. */
export function gatewayTable(blueprint: ResolvedBlueprint): Pick<GatewayComponentOptions, 'routes' | 'services'> {
  const services = Object.values(blueprint.services)
  return {
    routes: services.flatMap(({ name, routes }) => routes.map((prefix) => ({ prefix, service: name }))),
    services: Object.fromEntries(
      services.map(({ name, requestTimeoutMs, traffic }) => [name, { requestTimeoutMs, traffic }]),
    ),
  }
}

/** Hands on the spans of the gateway until it is stopped for good. */
export async function keepGatewaySpans(gateway: Gateway, add: (spans: readonly Span[]) => void): Promise<void> {
  for await (const spans of gateway.spans()) add(spans)
}

/** Keeps the gateway's frames until it is stopped for good. */
export async function keepGatewayFrames(context: PartsContext, gateway: Gateway): Promise<void> {
  for await (const frame of gateway.frames()) keepFrame(context, frame)
}
