import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import { findFreePort } from '../core/free-port.ts'
import type { Gateway } from '../gateway/gateway-component.ts'
import type { GatewayDoor } from '../gateway/gateway-config.ts'
import { readDoorPorts, writeDoorPorts } from './door-ports.ts'

/** The doors of databases that have followers: one port each, which leads to whichever node is primary. */
export interface SystemDoors {
  /**
   * Opens doors of databases that are new, closes those of databases that are gone, and tells the others where they lead.
   *
   * @throws TF_PORT_TAKEN, TF_CONTROL_UNREACHABLE
   */
  update(): Promise<void>
  /** Tells where doors lead now, in turn with `update`; before that one, nothing. Never rejects. */
  follow(): Promise<void>
  /** Undefined where a database has none. */
  portOf(database: string): number | undefined
}

/** @see createSystemDoors */
export interface SystemDoorsOptions {
  /** Where ports are kept from run to run. */
  readonly file: string
  readonly gateway: () => Pick<Gateway, 'doors' | 'lead'>
  /** The primaries, by database, of those that want a door. */
  readonly primaries: () => ReadonlyMap<string, GatewayDoor['primary']>
  readonly clock: Clock
  /** Says what went wrong, to a person. */
  readonly onProblem: (message: string) => void
}

const PORTS_TRIED = 5
const TELLS_MAX = 5
const TELL_AGAIN_MS = 500

/** No doors yet. */
export function createSystemDoors(options: SystemDoorsOptions): SystemDoors {
  const { file, gateway, primaries, clock, onProblem } = options
  let ports: ReadonlyMap<string, number> = new Map()
  let isOpen = false
  let last: Promise<unknown> = Promise.resolve()

  function inTurn(work: () => Promise<void>): Promise<void> {
    const outcome = last.then(work)
    last = outcome.catch(() => undefined)
    return outcome
  }

  async function open(): Promise<void> {
    const known = new Map([...(await readDoorPorts(file)), ...portsOf(gateway().doors()), ...ports])
    const next = new Map<string, number>()
    for (const name of primaries().keys()) next.set(name, known.get(name) ?? (await freePort(next, known)))
    for (let tried = 1; ; tried++) {
      const shut = await gateway().lead(doorsOf(next))
      // Programs have been told the port of one that was open: it is tried again by the gateway.
      const isTaken = [...next.keys()].filter((name) => Object.hasOwn(shut, name) && !ports.has(name))
      if (isTaken.length === 0) break
      if (tried === PORTS_TRIED) throw noPort(isTaken[0] as string, String(shut[isTaken[0] as string]))
      for (const name of isTaken) next.set(name, await freePort(next, known))
    }
    if (next.size > 0 || ports.size > 0) await writeDoorPorts(file, next)
    ports = next
    isOpen = true
  }

  function doorsOf(wanted: ReadonlyMap<string, number>): Readonly<Record<string, GatewayDoor>> {
    const now = primaries()
    return Object.fromEntries([...wanted].map(([name, port]) => [name, { port, primary: now.get(name) }]))
  }

  async function tell(): Promise<void> {
    if (!isOpen) return
    for (let told = 1; ; told++) {
      try {
        await gateway().lead(doorsOf(ports))
        return
      } catch (error) {
        if (told === TELLS_MAX) return onProblem(`the gateway does not know where a database is: ${messageOf(error)}`)
        await sleep(clock, TELL_AGAIN_MS)
      }
    }
  }

  return { update: () => inTurn(open), follow: () => inTurn(tell), portOf: (database) => ports.get(database) }
}

function portsOf(doors: Readonly<Record<string, GatewayDoor>>): readonly (readonly [string, number])[] {
  return Object.entries(doors).map(([name, { port }]) => [name, port] as const)
}

function freePort(...used: readonly ReadonlyMap<string, number>[]): Promise<number> {
  const taken = new Set(used.flatMap((ports) => [...ports.values()]))
  return findFreePort((port) => taken.has(port))
}

function noPort(database: string, reason: string): TenfoldError {
  return new TenfoldError(
    'TF_PORT_TAKEN',
    `expected a free port for the address of ${database}, got ${PORTS_TRIED} times: ${reason}`,
    { hint: 'look with "ss -tln" for what takes so many ports', details: { database } },
  )
}
