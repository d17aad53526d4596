import { Server } from 'node:net'

/** Where this process is to listen. */
export interface PortMove {
  /** The port that the program asks for by itself; undefined: it asks for the right one. */
  readonly from: number | undefined
  /** The port it was given. */
  readonly to: number
  /** The address that the gateway calls; an address of the machine itself by name becomes this one. */
  readonly host: string
}

interface ListenOptions {
  readonly port?: unknown
  readonly host?: unknown
  readonly fd?: unknown
  readonly handle?: unknown
  readonly _handle?: unknown
}

/**
 * Makes every server of this process that asks for `move.from` listen on `move.to`. Other ports stay as they are.
 *
 * It is the same for each server and each attempt, so what a program can expect of a port holds as before: asked for
 * twice it is taken, closed it is free again, several addresses share it, workers of a cluster share it, and so do the
 * processes that this one starts.
 */
export function installPortMove(move: PortMove): void {
  // oxlint-disable-next-line typescript/unbound-method -- called below with the `this` it gets
  const listen = Server.prototype.listen as (...args: unknown[]) => Server
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    return Reflect.apply(listen, this, movedArguments(args, move))
  }
}

/**
 * The arguments of `server.listen` with the port moved. All of Node's forms are known; what names no port (a pipe, a
 * handle, any free port) is returned as it came.
 *
 * @example movedArguments(['3000', callback], { from: 3000, to: 41234, host: '127.0.0.1' }) // [41234, callback]
 */
export function movedArguments(args: readonly unknown[], move: PortMove): readonly unknown[] {
  const [first, second, ...rest] = args
  if (typeof first === 'object' && first !== null) {
    const options = first as ListenOptions
    // A socket that is open already has its port; Node looks at these before it looks at `port`.
    if (Boolean(options.handle) || Boolean(options._handle) || typeof options.fd === 'number') return args
    if (!isMeant(options.port, move)) return args
    return [{ ...options, port: move.to, host: movedHost(options.host, move) }, second, ...rest].slice(0, args.length)
  }
  return isMeant(first, move) ? [move.to, movedHost(second, move), ...rest].slice(0, args.length) : args
}

function isMeant(port: unknown, { from, to }: PortMove): boolean {
  if (typeof port !== 'number' && (typeof port !== 'string' || port.trim() === '')) return false
  return Number(port) === from || Number(port) === to
}

/** `localhost` may be ::1 here, where the gateway does not call. Whoever names an address means it. */
function movedHost(host: unknown, move: PortMove): unknown {
  return host === 'localhost' ? move.host : host
}
