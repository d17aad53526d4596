import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import type { Endpoint } from '../../../src/gateway/gateway-config.ts'
import type { StrictRequest } from './strict-http-for-tests.ts'
import { readStrictly } from './strict-http-for-tests.ts'

/** An instance that keeps every byte that it gets, and reads them by an independent parser. */
export interface RawUpstream extends AsyncDisposable {
  readonly endpoint: Endpoint
  /** What came, by connection. */
  readonly connections: readonly { readonly bytes: string; readonly isClosed: boolean }[]
  /** Every complete request of a run so far, of all connections. Throws if anything that came was malformed. */
  requests(run?: number): readonly StrictRequest[]
}

/** What it sends when a request is complete; nothing: it keeps silent. */
export type RawAnswer = (request: StrictRequest, socket: Socket) => string | undefined

const OK: RawAnswer = ({ method }) => `HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n${method === 'HEAD' ? '' : 'seen'}`

export async function startRawUpstream(
  options: { answer?: RawAnswer; onHead?: (head: string, socket: Socket) => void } = {},
): Promise<RawUpstream> {
  const { answer = OK, onHead } = options
  const seen: StrictRequest[] = []
  let malformed: string | undefined
  const connections: { bytes: string; isClosed: boolean }[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const connection = { bytes: '', isClosed: false }
    let answered = 0
    let hasHead = false
    connections.push(connection)
    sockets.add(socket)
    socket.setEncoding('latin1')
    socket.on('error', () => socket.destroy())
    socket.once('close', () => {
      connection.isClosed = true
      sockets.delete(socket)
    })
    socket.on('data', (chunk: string) => {
      connection.bytes += chunk
      if (!hasHead && connection.bytes.includes('\r\n\r\n')) {
        hasHead = true
        onHead?.(connection.bytes.slice(0, connection.bytes.indexOf('\r\n\r\n')), socket)
      }
      const { requests, problem, rest } = readStrictly(connection.bytes)
      if (problem === 'malformed') malformed = rest
      for (const request of requests.slice(answered)) {
        answered += 1
        seen.push(request)
        const text = answer(request, socket)
        if (text !== undefined) socket.write(text, 'latin1')
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: { id: 'api-1', host: '127.0.0.1', port },
    connections,
    requests(run) {
      if (malformed !== undefined) throw new Error(`an instance got what nobody may send: ${JSON.stringify(malformed)}`)
      return run === undefined ? [...seen] : seen.filter(({ headers }) => runOf(headers) === `${run}`)
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** A client leaves when nothing has come back for so long. */
const PATIENT_MS = 10_000
/** Enough where nothing is claimed of the answer: most of the requests before have been answered. */
export const QUIET_MS = 150

/**
 * Sends bytes, in as many writes as `pieces` says, and gives everything that comes back until the other side closes, or
 * says nothing any more.
 */
export function sendBytes(
  port: number,
  text: string,
  options: { pieces?: number; quietMs?: number } = {},
): Promise<string> {
  const { pieces = 1, quietMs = PATIENT_MS } = options
  const { promise, resolve } = Promise.withResolvers<string>()
  const size = Math.max(1, Math.ceil(text.length / pieces))
  let answer = ''
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, timeout: quietMs }, () => {
    const next = (at: number): void => {
      if (at >= text.length) return
      socket.write(Buffer.from(text.slice(at, at + size), 'latin1'), () => setImmediate(next, at + size))
    }
    next(0)
  })
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => (answer += chunk))
  socket.on('timeout', () => socket.destroy())
  socket.on('error', () => socket.destroy())
  socket.once('close', () => resolve(answer))
  return promise
}

let runs = 0

/**
 * Gives all requests in a text the mark of one run: what an earlier one left behind arrives late and must not count. Every
 * request has the header `X-Run: RUN`.
 */
export function markedForRun(texts: readonly string[]): { readonly run: number; readonly marked: readonly string[] } {
  runs += 1
  const run = runs
  return { run, marked: texts.map((text) => text.replaceAll('X-Run: RUN', `X-Run: ${run}`)) }
}

function runOf(headers: StrictRequest['headers']): string {
  const run = headers.find(([name]) => name === 'x-run')?.[1]
  if (run === undefined) throw new Error(`a request came that nobody sent: ${JSON.stringify(headers)}`)
  return run
}

/** The status of every answer in what came back, without 1xx. Bodies must not hold status lines. */
export function statusesOf(answer: string): readonly number[] {
  return [...answer.matchAll(/HTTP\/1\.1 ([2-5]\d\d) /g)].map(([, status]) => Number(status))
}

/** How often each of the headers must stand in a request to an instance. */
export function expectOneFraming({ headers }: StrictRequest): void {
  const count = (wanted: string): number => headers.filter(([name]) => name === wanted).length
  const problems = [
    count('host') > 1 && 'two Hosts',
    count('content-length') + count('transfer-encoding') > 1 && 'two framings',
    ['te', 'trailer', 'upgrade', 'keep-alive', 'proxy-connection'].some((name) => count(name) > 0) && 'hop-by-hop',
  ].filter((problem) => problem !== false)
  if (problems.length > 0) throw new Error(`an instance got ${problems.join(', ')}: ${JSON.stringify(headers)}`)
}
