import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { ServerResponse } from 'node:http'

/** Who is told that an answer has ended. */
export interface ResponseOwner {
  /** Nothing more will be sent: everything is out, or the client has gone. */
  onClosed(): void
}

/** Connections on which an answer has been made the last one. */
const ending = new WeakSet<Socket>()

/** An answer of the gateway; it knows its exchange, so that no closure is made for each request. */
export class GatewayResponse extends ServerResponse<IncomingMessage> {
  owner: ResponseOwner | undefined

  /**
   * Ends the connection after this answer. Requests that the client has sent behind it already get none, and must not be
   * carried out either: see `isEnding`.
   */
  makeLast(): void {
    this.shouldKeepAlive = false
    ending.add(this.req.socket)
  }

  /** Has `onClosed` of `owner` called once. */
  own(owner: ResponseOwner): void {
    this.owner = owner
    this.on('close', tellOwner)
  }
}

/** Whether an earlier request of this connection has had its last answer. */
export function isEnding(socket: Socket): boolean {
  return ending.has(socket)
}

function tellOwner(this: GatewayResponse): void {
  this.owner?.onClosed()
}

/** The codes of errors that the gateway itself answers with. */
export type GatewayErrorCode =
  | 'bad_request'
  | 'body_too_large'
  | 'deadline_exceeded'
  | 'too_many_headers'
  | 'method_not_allowed'
  | 'no_file'
  | 'file_unreadable'
  | 'no_route'
  | 'no_ready_instance'
  | 'queue_full'
  | 'rate_limited'
  | 'request_timeout'
  | 'shed'
  | 'upstream_failed'
  | 'upstream_timeout'
  | 'upgrade_refused'

export interface GatewayError {
  readonly status: number
  readonly code: GatewayErrorCode
  readonly message: string
  readonly requestId: string
  /** Ends the connection after the answer, where what follows on it can't be trusted or isn't wanted. */
  readonly isLast?: boolean
  /** When to come again. @default 1 with 503 */
  readonly retryAfterS?: number
}

/** Answers with `{ error: { code, message, requestId } }`. */
export function answerError(response: GatewayResponse, error: GatewayError): void {
  if (response.headersSent || response.destroyed) return
  const body = errorBody(error)
  if (error.isLast === true) response.makeLast()
  response.writeHead(error.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-request-id': error.requestId,
    ...(error.status === 503 || error.retryAfterS !== undefined ? { 'retry-after': `${error.retryAfterS ?? 1}` } : {}),
  })
  response.end(body)
}

/** The same answer as text, for sockets that have no response object. */
export function rawError(error: GatewayError, reason: string): string {
  const body = errorBody(error)
  return (
    `HTTP/1.1 ${error.status} ${reason}\r\nconnection: close\r\ncontent-type: application/json\r\n` +
    `cache-control: no-store\r\n${error.retryAfterS === undefined ? '' : `retry-after: ${error.retryAfterS}\r\n`}x-request-id: ${error.requestId}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

function errorBody({ code, message, requestId }: GatewayError): string {
  return JSON.stringify({ error: { code, message, requestId } })
}
