import { strict as assert } from 'node:assert'
import type { Endpoint, GatewayConfig, GatewayDoor, GatewayRoute, GatewayService } from './gateway-config.ts'

/** What the gateway is told but for endpoints: they come and go by themselves. */
export interface RoutesAndServices {
  readonly routes: readonly GatewayRoute[]
  /** Every service, with how its requests are treated, or its files. */
  readonly services: Readonly<Record<string, Omit<GatewayService, 'endpoints'>>>
}

/** The configuration as the control plane wants it now; each change has a higher version. */
export interface GatewayTable {
  /** Whole, to be sent. */
  config(): GatewayConfig
  /** Replaces all but endpoints; those of services that are gone are forgotten. */
  replace(next: RoutesAndServices): void
  /** Replaces the endpoints of a service, which must be known. */
  publish(service: string, endpoints: readonly Endpoint[]): void
  /** Replaces all doors. */
  lead(doors: Readonly<Record<string, GatewayDoor>>): void
  /** Takes over the doors that a process of an earlier run has, and the endpoints, of services that are still there. */
  adopt(config: GatewayConfig): void
  /** From now on newer than what a process has. */
  passVersion(version: number): void
}

export function createGatewayTable(initial: RoutesAndServices): GatewayTable {
  const endpointsOf = new Map<string, readonly Endpoint[]>()
  let { routes, services } = initial
  let doors: Readonly<Record<string, GatewayDoor>> = {}
  let version = 0
  return {
    config: () => ({
      version,
      routes,
      services: Object.fromEntries(
        Object.entries(services).map(([name, service]) => [
          name,
          { ...service, endpoints: endpointsOf.get(name) ?? [] },
        ]),
      ),
      doors,
    }),
    replace(next) {
      ;({ routes, services } = next)
      for (const name of endpointsOf.keys()) if (!Object.hasOwn(services, name)) endpointsOf.delete(name)
      version += 1
    },
    publish(service, endpoints) {
      assert(Object.hasOwn(services, service), `no service ${service} is known to the gateway`)
      endpointsOf.set(service, endpoints)
      version += 1
    },
    lead(next) {
      doors = next
      version += 1
    },
    adopt(config) {
      doors = config.doors ?? {}
      for (const [name, { endpoints }] of Object.entries(config.services)) {
        if (Object.hasOwn(services, name)) endpointsOf.set(name, endpoints)
      }
    },
    passVersion: (other) => void (version = Math.max(version, other) + 1),
  }
}
