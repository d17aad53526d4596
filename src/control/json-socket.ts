import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { Clock } from '../core/clock.ts'
import { withTimeout } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { STOP_DEADLINE_MS_DEFAULT } from '../core/component.ts'
import { TenfoldError } from '../core/errors.ts'
import { readJsonBody, sendError, sendStream, sendValue } from './json-exchange.ts'
import type { JsonRoute } from './json-route.ts'
import { isJsonStream } from './json-route.ts'
import type { SocketPathClaim } from './socket-path.ts'
import { claimSocketPath } from './socket-path.ts'

export { jsonSocketRequest, jsonSocketStream } from './json-socket-client.ts'
export { jsonRoute, jsonStream } from './json-route.ts'

/** What one server takes at most. */
export interface JsonSocketLimits {
  /** Bytes of a request's body; more is refused with 413. @default 1 MiB */
  readonly bodyBytesMax: number
  /** Open connections; one more is closed at once. @default 128 */
  readonly connectionsMax: number
  /** Time for a client to send its head. @default 5000 */
  readonly headTimeoutMs: number
  /** Time for a client to send the whole request. @default 15000 */
  readonly requestTimeoutMs: number
  /** Time for a client of a stream to take one line; a slower one is cut off. @default 30000 */
  readonly streamStallMs: number
}

/** @see createJsonSocket */
export interface JsonSocketOptions {
  /** Where to listen: an absolute path of at most 107 bytes, in a directory that exists. */
  readonly path: string
  /** Permissions of the socket. @default 0o600, only our own user */
  readonly mode?: number
  /** Who else may own the socket; only root can give it away. @default we */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  /** `'GET /v1/snapshot'` to what answers it. Paths match whole. */
  readonly routes: Readonly<Record<string, JsonRoute>>
  readonly clock: Clock
  readonly limits?: Partial<JsonSocketLimits>
}

/** A server on a Unix socket; see `createJsonSocket`. */
export interface JsonSocket extends Component {
  readonly path: string
}

const LIMITS_DEFAULT: JsonSocketLimits = {
  bodyBytesMax: 1024 ** 2,
  connectionsMax: 128,
  headTimeoutMs: 5_000,
  requestTimeoutMs: 15_000,
  streamStallMs: 30_000,
}

/**
 * A small HTTP and JSON server on a Unix socket, for processes of one system to talk to each other. The socket appears
 * with its final permissions, listening. A stale socket file is replaced.
 *
 * `start` throws TF_ALREADY_RUNNING when a live server holds the path, TF_SOCKET_UNUSABLE when the path can't be used.
 * `stop` aborts the signal of every request, ends streams, waits for handlers until the deadline, then cuts connections.
 *
 * @example
 * const server = createJsonSocket({ path, clock, routes: { 'GET /v1/ping': jsonRoute({ handle: () => 'pong' }) } })
 * await server.start()
 * await jsonSocketRequest(path, 'GET', '/v1/ping') // 'pong'
 */
export function createJsonSocket(options: JsonSocketOptions): JsonSocket {
  return new UnixJsonSocket(options)
}

/** One run of the server, from start to stop. */
interface Run {
  readonly server: Server
  readonly stopping: AbortController
  readonly exchanges: Set<Promise<void>>
  /** Resolves when the listener and every connection are closed. */
  readonly closed: Promise<void>
  hasListened: boolean
  claim: SocketPathClaim | undefined
}

class UnixJsonSocket implements JsonSocket {
  readonly path: string
  readonly #options: JsonSocketOptions
  readonly #limits: JsonSocketLimits
  #run: Run | undefined
  #starting: Promise<void> | undefined

  constructor(options: JsonSocketOptions) {
    this.path = options.path
    this.#options = options
    this.#limits = { ...LIMITS_DEFAULT, ...options.limits }
  }

  async start(signal?: AbortSignal): Promise<void> {
    if (this.#run !== undefined) {
      throw new TenfoldError(
        'TF_ALREADY_RUNNING',
        `expected the server on ${this.path} to be stopped, got a second start`,
      )
    }
    const run = this.#newRun()
    this.#run = run
    const starting = this.#listen(
      run,
      AbortSignal.any([run.stopping.signal, ...(signal === undefined ? [] : [signal])]),
    )
    this.#starting = starting.catch(() => undefined)
    try {
      await starting
    } catch (error) {
      await close(run)
      if (this.#run === run) this.#run = undefined
      throw error
    }
  }

  async stop(deadlineMs = STOP_DEADLINE_MS_DEFAULT): Promise<void> {
    const run = this.#run
    if (run === undefined) return
    run.stopping.abort()
    await this.#starting
    endListening(run)
    run.server.closeIdleConnections()
    const ended = Promise.all(run.exchanges)
    await withTimeout(this.#options.clock, deadlineMs, 'the last answers', ended).catch(() => undefined)
    await close(run)
    if (this.#run === run) this.#run = undefined
  }

  #newRun(): Run {
    const limits = this.#limits
    const exchanges = new Set<Promise<void>>()
    const stopping = new AbortController()
    const server = createServer(
      {
        headersTimeout: limits.headTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        connectionsCheckingInterval: Math.min(1_000, limits.headTimeoutMs),
        maxHeaderSize: 8 * 1024,
      },
      (request, response) => {
        const exchange = this.#exchange(request, response, stopping.signal)
        exchanges.add(exchange)
        void exchange.finally(() => exchanges.delete(exchange))
      },
    )
    server.maxConnections = limits.connectionsMax
    const closed = new Promise<void>((resolve) => server.once('close', resolve))
    return { server, stopping, exchanges, closed, hasListened: false, claim: undefined }
  }

  async #listen(run: Run, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal, this.path)
    const claim = await claimSocketPath(this.path, { mode: this.#options.mode ?? 0o600, owner: this.#options.owner })
    run.claim = claim
    throwIfAborted(signal, this.path)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    run.server.once('error', reject)
    run.server.listen({ path: claim.privatePath, backlog: 128 }, resolve)
    await promise
    run.hasListened = true
    run.server.off('error', reject)
    throwIfAborted(signal, this.path)
    await claim.publish()
    throwIfAborted(signal, this.path)
  }

  /** Never rejects: a client that has gone is not our error. */
  async #exchange(request: IncomingMessage, response: ServerResponse, stopping: AbortSignal): Promise<void> {
    const gone = new AbortController()
    const { promise: isOver, resolve } = Promise.withResolvers<void>()
    response.once('finish', resolve)
    response.once('close', () => {
      gone.abort()
      resolve()
    })
    response.on('error', () => gone.abort())
    try {
      const signal = AbortSignal.any([gone.signal, stopping])
      const answer = await this.#answer(request, signal)
      if (isJsonStream(answer)) {
        await sendStream(response, answer, {
          gone: gone.signal,
          clock: this.#options.clock,
          stallMs: this.#limits.streamStallMs,
        })
      } else {
        sendValue(response, answer)
      }
    } catch (error) {
      sendError(response, error)
    }
    // Written is not yet sent, and a server that stops must not cut off its last answers.
    if (!response.destroyed && !response.writableFinished) await isOver
  }

  async #answer(request: IncomingMessage, signal: AbortSignal): Promise<unknown> {
    const url = URL.parse(request.url ?? '/', 'http://socket')
    const name = `${request.method} ${url?.pathname ?? request.url}`
    const route = Object.hasOwn(this.#options.routes, name) ? this.#options.routes[name] : undefined
    if (url === null || route === undefined) {
      throw new TenfoldError('TF_ROUTE_UNKNOWN', `expected one of the routes of this server, got ${name}`, {
        details: { routes: Object.keys(this.#options.routes) },
      })
    }
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const input = isRead ? Object.fromEntries(url.searchParams) : await readJsonBody(request, this.#limits.bodyBytesMax)
    return route.answer({ input, signal })
  }
}

function endListening(run: Run): void {
  if (run.server.listening) run.server.close()
}

/** By force, and safe to call by several stops at once: each returns when nothing is left. */
async function close(run: Run): Promise<void> {
  endListening(run)
  run.server.closeAllConnections()
  if (run.hasListened) await run.closed
  await run.claim?.release()
}

function throwIfAborted(signal: AbortSignal, path: string): void {
  if (signal.aborted) {
    throw new TenfoldError('TF_ABORTED', `expected to listen on ${path}, but the start was cancelled`)
  }
}
