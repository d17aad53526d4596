import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import type { Primary } from './door.ts'

/** A client's connection through a door, from its arrival to its end. */
export interface Passage {
  /** Whom it is connected to; undefined while it waits. */
  readonly primary: Primary | undefined
  /** Looks anew for the primary; for one that waits. */
  turn(): void
  /** Ends both sides at once. */
  cut(): void
}

/** @see openPassage */
export interface PassageOptions {
  readonly clock: Clock
  readonly primary: () => Primary | undefined
  readonly onEnd: () => void
}

const HOST = '127.0.0.1'
/** How long a client waits for a primary: about what a failover takes, and less than most programs wait for a connection. */
const WAIT_MS_MAX = 5_000
/** A server that is started again is not listening yet. */
const TRY_AGAIN_MS = 100

/**
 * Takes a client, which is paused, to the primary once `turn` is called; it is closed when it has waited for 5 s.
 * Half-open connections stay so, and a side that is slow to read slows the other down.
 */
export function openPassage(client: Socket, options: PassageOptions): Passage {
  return new PairedSockets(client, options)
}

class PairedSockets implements Passage {
  primary: Primary | undefined
  readonly #client: Socket
  readonly #options: PassageOptions
  readonly #cancelWait: () => void
  #cancelRetry = (): void => undefined
  #server: Socket | undefined

  constructor(client: Socket, options: PassageOptions) {
    this.#client = client
    this.#options = options
    this.#cancelWait = options.clock.schedule(WAIT_MS_MAX, () => this.cut())
    // The close that follows says enough.
    client.on('error', () => undefined)
    client.once('close', (hadError) => this.#end(hadError))
  }

  turn(): void {
    this.#cancelRetry()
    this.#server?.destroy()
    this.#server = undefined
    const primary = this.#options.primary()
    if (primary === undefined || this.#client.destroyed) return
    const server = connect({ host: HOST, port: primary.port, noDelay: true, allowHalfOpen: true })
    this.#server = server
    server.once('connect', () => this.#join(server, primary))
    server.on('error', () => undefined)
    server.once('close', (hadError) => {
      // It was given up for another one.
      if (server !== this.#server) return
      if (this.primary === undefined) this.#retry()
      // What it has said last still reaches the client, unless the connection broke.
      else if (hadError) this.cut()
      else this.#client.destroySoon()
    })
  }

  cut(): void {
    this.#server?.destroy()
    this.#client.destroy()
  }

  #join(server: Socket, primary: Primary): void {
    this.#cancelWait()
    this.primary = primary
    this.#client.pipe(server)
    server.pipe(this.#client)
  }

  #retry(): void {
    this.#server = undefined
    this.#cancelRetry = this.#options.clock.schedule(TRY_AGAIN_MS, () => this.turn())
  }

  #end(hadError: boolean): void {
    this.#cancelWait()
    this.#cancelRetry()
    if (this.primary === undefined || hadError) this.#server?.destroy()
    else this.#server?.destroySoon()
    this.#options.onEnd()
  }
}
