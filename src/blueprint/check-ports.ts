import type { ReadService } from './grammar/service.ts'
import type { ReadSystem } from './grammar/system.ts'
import type { Place } from './place.ts'
import { DEFAULT_PORT } from './resolve.ts'
import { runsNode } from './runs-node.ts'

/**
 * Checks what `port` makes impossible. In a Node.js program the port can be moved, so that every instance has its own;
 * any other program listens where it wants to, and only one can.
 */
export function checkPorts(system: ReadSystem, place: Place): void {
  const gatewayPort = system.gateway?.port ?? DEFAULT_PORT
  const owners = new Map<number, string>()
  for (const [name, service] of system.services ?? []) {
    const port = fixedPort(service)
    if (port === undefined) continue
    const at = place.at('services').at(name)
    checkInstances(service, port, at.at('instances'))
    const owner = owners.get(port)
    if (owner === undefined) owners.set(port, name)
    else {
      at.at('port').invalid(
        `expected a port of its own, got ${port}, on which '${owner}' listens`,
        'let one of the programs listen on $PORT, and remove its port here',
      )
    }
    if (port === gatewayPort) {
      at.at('port').invalid(
        `expected a port other than the gateway's, got ${port}`,
        `give the gateway another: gateway: { port: ${port === 8081 ? 8082 : 8081} }`,
      )
    }
  }
}

/** The port that can't be moved. */
function fixedPort(service: ReadService | undefined): number | undefined {
  const { port, command } = service ?? {}
  return command !== undefined && !runsNode(command) ? port : undefined
}

function checkInstances(service: ReadService | undefined, port: number, place: Place): void {
  const { min = 1, desired = min, max = desired } = service?.instances ?? {}
  if (max === 1) return
  place.invalid(
    `expected one instance of a program that always listens on ${port}, got ${max}: only the port of a Node.js program can be moved`,
    "let the program listen on $PORT and remove 'port', or run one instance",
  )
}
