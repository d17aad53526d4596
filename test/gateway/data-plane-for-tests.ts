import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { createServer, request } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { systemClock } from '../../src/core/clock.ts'
import type { ResolvedTraffic } from '../../src/blueprint/resolved-traffic.ts'
import { DEFAULT_TRAFFIC } from '../../src/blueprint/resolved-traffic.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { Endpoint, GatewayConfig } from '../../src/gateway/gateway-config.ts'
import type { ClientPatience } from '../../src/gateway/listener.ts'
import { openListener } from '../../src/gateway/listener.ts'
import type { Proxy } from '../../src/gateway/proxy.ts'
import { createProxy } from '../../src/gateway/proxy.ts'
import type { Certificates } from '../../src/gateway/tls/certificates.ts'

/** A server that stands for an instance. */
export interface Backend extends AsyncDisposable {
  readonly server: Server
  readonly port: number
  readonly endpoint: Endpoint
}

export async function startBackend(id: string, listener: RequestListener): Promise<Backend> {
  const server = createServer({ keepAliveTimeout: 60_000 }, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    server,
    port,
    endpoint: { id, host: '127.0.0.1', port },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/** The data plane in this process, with the service `api` on every path and `other` on `/other`. */
export interface DataPlane extends AsyncDisposable {
  readonly proxy: Proxy
  readonly port: number
  readonly internalPort: number
  configure(services: GatewayConfig['services']): void
  /** Resolves when no request to an instance in the list is under way. */
  idle(): Promise<void>
}

export async function startDataPlane(
  endpoints: readonly Endpoint[],
  options: {
    requestTimeoutMs?: number
    traffic?: Partial<ResolvedTraffic>
    /** Of the public listener. */
    certificates?: Certificates
    patience?: ClientPatience
    headers?: { bytesMax: number; countMax: number }
  } = {},
): Promise<DataPlane> {
  const clock = systemClock
  const { certificates, patience, headers } = options
  const isSecure = certificates !== undefined
  const proxy = createProxy({ clock, random: seededRandom(1), isSecure, headersMax: headers?.countMax })
  const open = (entrance: 'public' | 'internal') =>
    openListener({
      host: '127.0.0.1',
      port: 0,
      clock,
      handlers: proxy.entrance(entrance),
      connectionsMax: 10_000,
      ...(patience === undefined ? {} : { patience }),
      ...(headers === undefined ? {} : { headBytesMax: headers.bytesMax }),
      certificates: entrance === 'public' ? certificates : undefined,
    })
  const [outside, inside] = await Promise.all([open('public'), open('internal')])
  let version = 0
  const configure = (services: GatewayConfig['services']): void => {
    const routes = Object.keys(services).map((service) => ({
      prefix: service === 'api' ? '/' : `/${service}`,
      service,
    }))
    version += 1
    proxy.apply({ version, routes, services })
  }
  const { requestTimeoutMs = 10_000, traffic = {} } = options
  configure({ api: { requestTimeoutMs, endpoints, traffic: { ...DEFAULT_TRAFFIC, ...traffic } } })
  return {
    proxy,
    port: outside.port,
    internalPort: inside.port,
    configure,
    async idle() {
      const listed = [...proxy.services.values()].flatMap((service) => service.endpoints)
      await Promise.all(listed.map((upstream) => upstream.idle()))
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([outside.close(0), inside.close(0)])
      await proxy.destroy()
    },
  }
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

/** Sends one request on a connection of its own and reads the whole answer; rejects when the answer breaks off. */
export function send(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string | Buffer; signal?: AbortSignal } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body, signal } = options
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false, ...(signal && { signal }) })
    sent.once('error', reject)
    sent.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.once('error', reject)
      response.once('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }))
    })
    sent.end(body)
  })
}

/** Sends bytes as they are and gives everything that comes back until the other side closes. */
export function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'))
    let answer = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => (answer += chunk))
    socket.on('error', () => socket.destroy())
    socket.once('close', () => resolve(answer))
  })
}

/** The code of the JSON error in an answer. */
export function errorCodeOf(text: string): string {
  return (JSON.parse(text.slice(text.indexOf('{'))) as { error: { code: string } }).error.code
}

/** A backend that answers with its id. */
export function named(id: string): Promise<Backend> {
  return startBackend(id, (_request, response) => response.end(id))
}

/** A backend that holds every request until it is released. */
export async function holding(
  id: string,
): Promise<Backend & { held: ServerResponse[]; arrived(count: number): Promise<void> }> {
  const held: ServerResponse[] = []
  let wake = (): void => undefined
  const backend = await startBackend(id, (_request, response) => {
    held.push(response)
    wake()
  })
  return Object.assign(backend, {
    held,
    async arrived(count: number) {
      while (held.length < count) await new Promise<void>((resolve) => (wake = resolve))
    },
  })
}
