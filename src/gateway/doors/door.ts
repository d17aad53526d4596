import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import type { GatewayDoor } from '../gateway-config.ts'
import type { Passage } from './passage.ts'
import { openPassage } from './passage.ts'

/** Where a door leads. */
export type Primary = NonNullable<GatewayDoor['primary']>

/** A port that stays, and leads to whatever is the primary of a database now. Bytes pass as they are. */
export interface Door {
  readonly port: number
  /** Why nobody listens on the port yet; undefined: it is open. Tried again every second. */
  readonly problem: string | undefined
  /** Clients, those that wait too. */
  readonly connections: number
  /** Clients that wait for a primary. */
  readonly waiting: number
  /** Resolves after the first attempt to listen. */
  readonly tried: Promise<void>
  /**
   * From now on it leads there. Connections to another primary are cut at once: it is dead, or does not take writes any
   * more. Undefined: nobody is primary, so who comes waits; connections that are open end with the server.
   */
  lead(primary: Primary | undefined): void
  /** Cuts what is open. */
  close(): Promise<void>
}

/** @see openDoor */
export interface DoorOptions {
  readonly clock: Clock
  /** Clients at a time; one more is closed at once. */
  readonly connectionsMax: number
  /** Is told what somebody who reads the log wants to know. */
  readonly log: (message: string) => void
}

const HOST = '127.0.0.1'
const LISTEN_AGAIN_MS = 1_000
const REFUSED_PAUSE_MS = 60_000

/** Opens the door of a database, on loopback. A port that is in use is tried again, as instances know no other. */
export function openDoor(name: string, port: number, options: DoorOptions): Door {
  return new TcpDoor(name, port, options)
}

class TcpDoor implements Door {
  readonly port: number
  readonly tried: Promise<void>
  problem: string | undefined = 'it is being opened'
  readonly #name: string
  readonly #options: DoorOptions
  readonly #passages = new Set<Passage>()
  #primary: Primary | undefined
  #server: Server | undefined
  #isClosed = false
  #cancelRetry = (): void => undefined
  #refusedSaidMs = Number.NEGATIVE_INFINITY

  constructor(name: string, port: number, options: DoorOptions) {
    this.#name = name
    this.port = port
    this.#options = options
    this.tried = this.#listen()
  }

  get connections(): number {
    return this.#passages.size
  }

  get waiting(): number {
    return [...this.#passages].filter(({ primary }) => primary === undefined).length
  }

  lead(primary: Primary | undefined): void {
    if (isSame(this.#primary, primary)) return
    this.#primary = primary
    for (const passage of this.#passages) {
      if (passage.primary === undefined) passage.turn()
      else if (primary !== undefined && !isSame(passage.primary, primary)) passage.cut()
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelRetry()
    for (const passage of this.#passages) passage.cut()
    const { promise, resolve } = Promise.withResolvers<void>()
    if (this.#server?.listening === true) this.#server.close(() => resolve())
    else resolve()
    await promise
  }

  #listen(): Promise<void> {
    const { connectionsMax, log, clock } = this.#options
    // Paused: what a client says first stays in the socket until there is somebody to hear it.
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (client) =>
      this.#take(client),
    )
    server.maxConnections = connectionsMax
    server.on('drop', () => this.#refused())
    const { promise, resolve } = Promise.withResolvers<void>()
    server.once('error', (error) => {
      if (this.problem !== messageOf(error)) log(`the door of ${this.#name} is shut: ${messageOf(error)}`)
      this.problem = messageOf(error)
      if (!this.#isClosed) this.#cancelRetry = clock.schedule(LISTEN_AGAIN_MS, () => void this.#listen())
      resolve()
    })
    server.listen({ host: HOST, port: this.port, backlog: connectionsMax }, () => {
      server.removeAllListeners('error')
      // A connection that could not be taken, for want of a descriptor, is that client's loss and not the door's end.
      server.on('error', () => this.#refused())
      this.problem = undefined
      if (this.#isClosed) server.close()
      resolve()
    })
    this.#server = server
    return promise
  }

  #take(client: Socket): void {
    const passage = openPassage(client, {
      clock: this.#options.clock,
      primary: () => this.#primary,
      onEnd: () => this.#passages.delete(passage),
    })
    this.#passages.add(passage)
    passage.turn()
  }

  /** Once a minute at most: a flood of connections must not become one of lines. */
  #refused(): void {
    const { clock, connectionsMax, log } = this.#options
    if (clock.nowMs() - this.#refusedSaidMs < REFUSED_PAUSE_MS) return
    this.#refusedSaidMs = clock.nowMs()
    log(`a client of ${this.#name} was closed: ${connectionsMax} are connected, which is the most`)
  }
}

function isSame(one: Primary | undefined, other: Primary | undefined): boolean {
  return one?.port === other?.port && one?.term === other?.term
}
