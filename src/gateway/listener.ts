import type { IncomingMessage, RequestListener, Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { DEFAULT_HEADERS } from '../blueprint/resolved-blueprint.ts'
import type { Clock } from '../core/clock.ts'
import { uniqueId } from '../core/random.ts'
import type { GatewayErrorCode } from './exchange/gateway-response.ts'
import { answerError, GatewayResponse, isEnding, rawError } from './exchange/gateway-response.ts'
import { isWebSocket } from './exchange/upgrade.ts'
import type { Certificates } from './tls/certificates.ts'
import { createSecureServer } from './tls/secure-server.ts'

/** Above what load balancers in front idle at (60 s), so that they leave first. */
const KEEP_ALIVE_MS = 75_000

/** How long a client may take. */
export interface ClientPatience {
  /** For the head of a request. */
  readonly headersMs: number
  /** For the whole request, also the slowest upload; one that stands still is ended sooner, by its service's timeout. */
  readonly requestMs: number
  /** How often it is looked at. */
  readonly checkMs: number
}

const PATIENCE: ClientPatience = { headersMs: 10_000, requestMs: 300_000, checkMs: 5_000 }

/** One listening socket of the gateway. */
export interface Listener {
  readonly port: number
  /** Takes no new connection and waits for the last answer, at most `deadlineMs`; then cuts what is left. */
  close(deadlineMs: number): Promise<void>
}

/** What a listener hands over. */
export interface ListenerHandlers {
  onRequest(request: IncomingMessage, response: GatewayResponse, expectsContinue: boolean): void
  /** A request to become a WebSocket. */
  onUpgrade(request: IncomingMessage, socket: Duplex, firstBytes: Buffer): void
}

/**
 * Opens a listener.
 *
 * @throws what `listen` says: EADDRINUSE, EACCES
 */
export async function openListener(options: {
  host: string
  port: number
  clock: Clock
  handlers: ListenerHandlers
  /** Open client connections; one more is closed at once. */
  connectionsMax: number
  /** @default 10 s for the head, 300 s for the whole request */
  patience?: ClientPatience
  /** Of the head of a request. @default 16 KiB */
  headBytesMax?: number
  /** Speaks TLS with these. @default plain HTTP */
  certificates?: Certificates | undefined
  /** Is told of each that was closed for that. */
  onRefused?: () => void
}): Promise<Listener> {
  const { host, port, clock, handlers, connectionsMax, onRefused, patience = PATIENCE, certificates } = options
  const { headBytesMax = DEFAULT_HEADERS.bytesMax } = options
  /** Asked for an upgrade that there is none of here. */
  const unupgraded = new WeakSet<IncomingMessage>()
  const take = (request: IncomingMessage, response: GatewayResponse, expectsContinue: boolean): void => {
    if (isEnding(request.socket)) return
    // Node forgets what came behind it in the same packet, and would read the rest of that as a request of its own.
    if (unupgraded.has(request)) response.makeLast()
    handlers.onRequest(request, response, expectsContinue)
  }
  const http = {
    ServerResponse: GatewayResponse,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: patience.headersMs,
    requestTimeout: patience.requestMs,
    connectionsCheckingInterval: patience.checkMs,
    maxHeaderSize: headBytesMax,
    insecureHTTPParser: false,
    // Looked at with the other headers, for an answer in our form.
    requireHostHeader: false,
    // No event is needed to learn that a request without a body has none.
    optimizeEmptyRequests: true,
    shouldUpgradeCallback(request: IncomingMessage) {
      const isWanted = isWebSocket(request)
      if (!isWanted) unupgraded.add(request)
      return isWanted
    },
  }
  const onRequest = ((request, response: GatewayResponse) => take(request, response, false)) as RequestListener<
    typeof IncomingMessage,
    typeof GatewayResponse
  >
  const server =
    certificates === undefined
      ? createServer(http, onRequest)
      : createSecureServer(http, onRequest, certificates, patience.headersMs)
  // Node forgets a connection that has become something else than HTTP, but waits for its end when it closes.
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.maxConnections = connectionsMax
  server.on('drop', () => onRefused?.())
  // All headers are looked at: Node would drop those beyond its limit without a word.
  server.maxHeadersCount = 0
  server.on('checkContinue', (request, response) => take(request, response, true))
  // Whoever expects something else may send the body or leave it out.
  server.on('checkExpectation', (_request, response) => {
    const message = 'expected Expect to be 100-continue, or nothing'
    answerError(response, { status: 417, code: 'bad_request', message, requestId: uniqueId(), isLast: true })
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, firstBytes: Buffer) => {
    if (isEnding(request.socket)) return void socket.destroy()
    if (isWebSocket(request)) return handlers.onUpgrade(request, socket, firstBytes)
    // Only a Node older than 24.9 asks us about other upgrades.
    refuse(socket as Socket, 501, 'Not Implemented', 'upgrade_refused', 'expected an upgrade to websocket')
  })
  server.on('clientError', (error, socket: Socket) => answerClientError(error, socket, headBytesMax))
  server.on('connect', (_request, socket) => {
    refuse(socket as Socket, 501, 'Not Implemented', 'upgrade_refused', 'expected a request, got CONNECT')
  })
  await listen(server, host, port)
  // A connection that could not be taken, for want of a descriptor, is that client's loss and not the listener's end.
  server.on('error', () => onRefused?.())
  return {
    port: (server.address() as AddressInfo).port,
    close: (deadlineMs) => close(server, sockets, clock, deadlineMs),
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function close(server: Server, sockets: ReadonlySet<Socket>, clock: Clock, deadlineMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const cancel = clock.schedule(deadlineMs, () => {
    for (const socket of sockets) socket.destroy()
  })
  await closed
  cancel()
}

const refused = new WeakSet<Socket>()

/** What Node's parser refuses never becomes a request: it is answered on the bare socket. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket, headBytesMax: number): void {
  // Once is enough: Node tells of all that comes behind it.
  if (refused.has(socket)) return
  refused.add(socket)
  // Who sends more behind a request that was to be the last tries something, and learns nothing.
  if (error.code === 'HPE_CLOSED_CONNECTION') socket.destroy()
  else if (error.code === 'HPE_HEADER_OVERFLOW') {
    const message = `expected the headers to have at most ${headBytesMax} bytes`
    refuse(socket, 431, 'Request Header Fields Too Large', 'too_many_headers', message)
  } else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    refuse(socket, 408, 'Request Timeout', 'request_timeout', 'expected the whole request in time')
  } else {
    refuse(socket, 400, 'Bad Request', 'bad_request', 'expected a well-formed HTTP/1.1 request')
  }
}

function refuse(socket: Socket, status: number, reason: string, code: GatewayErrorCode, message: string): void {
  const earlier = '_httpMessage' in socket ? (socket._httpMessage as GatewayResponse | null) : null
  const isAnswering = earlier !== null && !earlier.writableFinished
  // Behind a whole request, which gets its own answer first: this must not pass for it.
  if (socket.writable && isAnswering && earlier.req.complete) {
    earlier.once('finish', () => {
      if (socket.writable) refuse(socket, status, reason, code, message)
    })
    return
  }
  // In the middle of a request whose answer has begun.
  if (!socket.writable || (isAnswering && earlier.headersSent)) {
    socket.destroy()
    return
  }
  socket.end(rawError({ status, code, message, requestId: uniqueId() }, reason), () => socket.destroy())
}
