import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'

// A proxy from npm in front of one server, at its best settings: connections are kept, as many as Tenfold's gateway may
// have, and x-forwarded-* are set as everybody here sets them. Prints { port } when it listens.

const { values } = parseArgs({ options: { package: { type: 'string' }, upstream: { type: 'string' } } })
const name = values.package as string
const target = `http://127.0.0.1:${values.upstream}`
const CONNECTIONS = 128

/** What is used of them; they are not installed with the project, so their types are not there. */
interface FromNpm {
  readonly createProxyServer: (options: object) => {
    web(request: IncomingMessage, response: ServerResponse): unknown
    on(event: 'error', listener: (...args: unknown[]) => void): unknown
  }
  readonly default: unknown
}
interface Fastify {
  register(plugin: unknown, options: object): unknown
  listen(options: object): Promise<string>
  readonly server: { address(): AddressInfo }
}

const modules = (await import(name)) as FromNpm
console.log(JSON.stringify({ port: name === '@fastify/http-proxy' ? await fastify() : await createProxyServer() }))

/** `httpxy` and `http-proxy-3` are heirs of `http-proxy`. */
function createProxyServer(): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, maxFreeSockets: CONNECTIONS, timeout: 60_000 })
  const proxy = modules.createProxyServer({ target, agent, xfwd: true })
  proxy.on('error', (error) => console.error(error))
  const server = createServer((request, response) => void proxy.web(request, response))
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

async function fastify(): Promise<number> {
  const fastifyName = 'fastify'
  const { default: create } = (await import(fastifyName)) as { default: () => Fastify }
  const app = create()
  app.register(modules.default, {
    upstream: target,
    undici: { connections: CONNECTIONS, pipelining: 1 },
    disableRequestLogging: true,
    replyOptions: {
      rewriteRequestHeaders: (request: { ip: string; host: string; protocol: string }, headers: object) => ({
        ...headers,
        'x-forwarded-for': request.ip,
        'x-forwarded-host': request.host,
        'x-forwarded-proto': request.protocol,
      }),
    },
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app.server.address().port
}
