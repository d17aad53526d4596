import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Component } from '../core/component.ts'
import { TenfoldError } from '../core/errors.ts'

/** A small server for scrapers on this machine. */
export interface MetricsListener extends Component {
  /** `http://127.0.0.1:9464/metrics`; undefined while it does not listen. */
  url(): string | undefined
}

/** @see createMetricsListener */
export interface MetricsListenerOptions {
  /** 0: any. */
  readonly port: number
  /** Whether it has to be this port; else the next free one is taken. */
  readonly isPortGiven: boolean
  /** The answer, made anew for each request. */
  readonly text: () => string
  readonly contentType: string
}

const PORTS_TRIED = 100
const CONNECTIONS_MAX = 32

/**
 * Answers `GET /metrics` on 127.0.0.1, to anybody on this machine. There is no token: numbers and names of services are
 * no secret here, and a page in a browser can't read them, because a request that names any other host is refused.
 *
 * `start` throws TF_PORT_TAKEN, TF_PORT_FORBIDDEN.
 */
export function createMetricsListener(options: MetricsListenerOptions): MetricsListener {
  return new LoopbackListener(options)
}

class LoopbackListener implements MetricsListener {
  readonly #options: MetricsListenerOptions
  #server: Server | undefined
  #opening: Promise<unknown> = Promise.resolve()
  #stops = 0

  constructor(options: MetricsListenerOptions) {
    this.#options = options
  }

  url(): string | undefined {
    const address = this.#server?.address() as AddressInfo | null | undefined
    return address === null || address === undefined ? undefined : `http://127.0.0.1:${address.port}/metrics`
  }

  async start(signal?: AbortSignal): Promise<void> {
    const stops = this.#stops
    this.#opening = this.#opening.catch(() => undefined).then(() => this.#open())
    await this.#opening
    if (signal?.aborted !== true && stops === this.#stops) return
    await this.stop()
    throw new TenfoldError('TF_ABORTED', 'expected the metrics to be served, but it was stopped')
  }

  async stop(): Promise<void> {
    this.#stops += 1
    await this.#opening.catch(() => undefined)
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = new Promise((resolve) => void server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  async #open(): Promise<void> {
    if (this.#server !== undefined) return
    const { port, isPortGiven } = this.#options
    const tries = isPortGiven || port === 0 ? 1 : PORTS_TRIED
    for (let tried = 1; ; tried++) {
      const server = createServer((request, response) => this.#answer(request, response))
      server.maxConnections = CONNECTIONS_MAX
      server.headersTimeout = 5_000
      server.requestTimeout = 5_000
      server.unref()
      try {
        await listen(server, port === 0 ? 0 : port + tried - 1)
        this.#server = server
        return
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code !== 'EADDRINUSE' || tried >= tries || port + tried > 65_535) throw listenFailed(port, error)
      }
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { text, contentType } = this.#options
    // A name that an attacker's server resolves to 127.0.0.1 is not ours.
    const isLocal = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(request.headers.host ?? '')
    const path = (request.url ?? '').split('?')[0]
    if (!isLocal) answer(response, 403, 'expected the host to be 127.0.0.1 or localhost\n')
    else if (path !== '/metrics') answer(response, 404, 'expected the path /metrics\n')
    else if (request.method !== 'GET' && request.method !== 'HEAD') answer(response, 405, 'expected GET\n')
    else answer(response, 200, text(), contentType)
  }
}

function answer(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function listenFailed(port: number, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  const hint = 'give another one in TENFOLD_METRICS_PORT, or "off"'
  if (code === 'EADDRINUSE') {
    return new TenfoldError('TF_PORT_TAKEN', `expected port ${port} to be free for the metrics, but it is in use`, {
      hint,
      details: { port },
      cause: error,
    })
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
    return new TenfoldError('TF_PORT_FORBIDDEN', `expected to be allowed to listen on port ${port} for the metrics`, {
      hint,
      details: { port },
      cause: error,
    })
  }
  return error
}
