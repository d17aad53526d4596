import type { GatewayDoor } from '../gateway-config.ts'
import type { Door, DoorOptions } from './door.ts'
import { openDoor } from './door.ts'

/** What a door looks like from outside. */
export interface DoorState {
  readonly port: number
  /** Why nobody listens there; undefined: it is open. */
  readonly problem?: string | undefined
  readonly connections: number
  readonly waiting: number
}

/** All doors of a gateway, by database. */
export interface Doors {
  /**
   * Opens doors that are new, closes those that are not listed, and tells the others where they lead.
   *
   * @returns once listening was tried: what keeps doors shut, by database
   */
  configure(doors: Readonly<Record<string, GatewayDoor>>): Promise<Readonly<Record<string, string>>>
  state(): Readonly<Record<string, DoorState>>
  /** Cuts what is open. */
  close(): Promise<void>
}

/** No doors yet. */
export function createDoors(options: DoorOptions): Doors {
  const open = new Map<string, Door>()
  return {
    async configure(doors) {
      const closing = [...open].filter(([name, { port }]) => doors[name]?.port !== port)
      for (const [name] of closing) open.delete(name)
      const closed = closing.map(([, door]) => door.close())
      for (const [name, { port, primary }] of Object.entries(doors)) {
        const door = open.get(name) ?? openDoor(name, port, options)
        open.set(name, door)
        door.lead(primary)
      }
      await Promise.all([...closed, ...[...open.values()].map(({ tried }) => tried)])
      return Object.fromEntries([...open].flatMap(([name, { problem }]) => (problem ? [[name, problem]] : [])))
    },
    state: () =>
      Object.fromEntries(
        [...open].map(([name, { port, problem, connections, waiting }]) => [
          name,
          { port, connections, waiting, ...(problem === undefined ? {} : { problem }) },
        ]),
      ),
    async close() {
      const doors = [...open.values()]
      open.clear()
      await Promise.all(doors.map((door) => door.close()))
    },
  }
}
