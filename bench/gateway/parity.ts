import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Neither short enough for one packet nor a multiple of anything. */
const BODY = Buffer.from(Array.from({ length: 70_001 }, (_, at) => at % 251))
const REQUESTS = 20
/** A proxy that may choose between two servers has a connection to each. */
const UPSTREAM_CONNECTIONS_MAX = 2
const TIMEOUT_MS = 5_000

/** A server that keeps what reaches it, to compare what proxies make of requests and answers. */
export interface Mirror {
  readonly port: number
  /** What a proxy in front of it does other than what is compared here assumes; undefined: nothing. */
  difference(proxyPort: number): Promise<string | undefined>
  close(): Promise<void>
}

export async function openMirror(): Promise<Mirror> {
  const seen: Seen[] = []
  let connections = 0
  const mirror = async (asked: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const body = await bytesOf(asked)
    const { method = '', url = '', headers } = asked
    seen.push({ line: `${method} ${url}`, headers, hash: hash(body), isHere: headers['x-parity'] === 'here' })
    answer.writeHead(201, { 'content-type': 'application/octet-stream', 'content-length': BODY.length, etag: '"e"' })
    answer.end(BODY)
  }
  const server = createServer((asked, answer) => void mirror(asked, answer))
  server.on('connection', () => (connections += 1))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async difference(proxyPort) {
      seen.length = 0
      // Those of health checks before do not count.
      const before = connections
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const clientPorts = new Set<number | undefined>()
      try {
        for (let at = 0; at < REQUESTS; at++) {
          const found = await ask(proxyPort, agent, at % 2 === 0 ? undefined : BODY)
          clientPorts.add(found.clientPort)
          if (found.difference !== undefined) return found.difference
        }
      } finally {
        agent.destroy()
      }
      if (clientPorts.size > 1) return `${REQUESTS} requests took ${clientPorts.size} connections of the client`
      const used = connections - before
      // Each health check may have one.
      if (used > UPSTREAM_CONNECTIONS_MAX + REQUESTS / 4)
        return `${REQUESTS} requests took ${used} connections to the server`
      return differenceOf(seen.filter(({ isHere }) => isHere))
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

interface Seen {
  readonly line: string
  readonly headers: IncomingHttpHeaders
  readonly hash: string
  readonly isHere: boolean
}

/** Of what has come to the server. */
function differenceOf(seen: readonly Seen[]): string | undefined {
  if (seen.length !== REQUESTS) return `of ${REQUESTS} requests ${seen.length} came`
  for (const [at, { line, headers, hash: got }] of seen.entries()) {
    if (line !== (at % 2 === 0 ? 'GET /a/b?c=d%20e' : 'POST /a/b?c=d%20e')) return `a request came as ${line}`
    if (got !== hash(at % 2 === 0 ? Buffer.alloc(0) : BODY)) return 'the body of a request came otherwise'
    if (headers['x-forwarded-for'] === undefined) return 'x-forwarded-for is missing'
    if (headers['connection'] === 'close') return 'connections to the server are not kept'
  }
  return undefined
}

async function ask(
  port: number,
  agent: Agent,
  body: Buffer | undefined,
): Promise<{ clientPort: number | undefined; difference: string | undefined }> {
  const asking = request({
    host: '127.0.0.1',
    port,
    agent,
    path: '/a/b?c=d%20e',
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'x-parity': 'here', ...(body === undefined ? {} : { 'content-length': body.length }) },
    timeout: TIMEOUT_MS,
  })
  asking.on('timeout', () => asking.destroy(new Error(`expected an answer within ${TIMEOUT_MS} ms`)))
  asking.end(body)
  const [answer] = (await once(asking, 'response')) as [IncomingMessage]
  const clientPort = answer.socket.localPort
  const { statusCode, headers } = answer
  const got = await bytesOf(answer)
  const is = (difference: string) => ({ clientPort, difference })
  if (statusCode !== 201) return is(`status 201 came as ${statusCode}`)
  if (!got.equals(BODY)) return is(`a body of ${BODY.length} bytes came as other ${got.length}`)
  if (headers.etag !== '"e"' || headers['content-type'] !== 'application/octet-stream') return is('headers are missing')
  if (headers['content-length'] !== String(BODY.length)) return is('content-length is missing')
  return { clientPort, difference: undefined }
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function hash(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex')
}
