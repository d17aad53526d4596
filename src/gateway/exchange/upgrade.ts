import { STATUS_CODES } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Deadlined, DeadlineList } from '../limits/deadline-list.ts'
import type { ExchangeContext } from './exchange.ts'
import type { GatewayErrorCode } from './gateway-response.ts'
import { rawError } from './gateway-response.ts'
import type { ForwardedHead } from './request-headers.ts'
import type { UpstreamHeaders } from './response-headers.ts'
import { responseHeaders } from './response-headers.ts'
import type { ServiceUpstreams } from '../upstream/service-upstreams.ts'
import type { Upstream, UpstreamConnection, UpstreamHandler } from '../upstream/upstream.ts'

/** WebSockets open at once; one more is answered 503. */
const UPGRADED_MAX = 1_000

/** A request to become a WebSocket, as the listener hands it over. */
export interface UpgradeInput {
  readonly request: IncomingMessage
  readonly socket: Duplex
  /** What the client has sent after its request. */
  readonly firstBytes: Buffer
  readonly head: ForwardedHead
  readonly target: string
  readonly service: ServiceUpstreams
  /** For the answer that agrees or refuses. */
  readonly answerDeadlines: DeadlineList
  /** The open WebSockets of the gateway. */
  readonly upgraded: Set<Duplex>
  readonly startedMs: number
}

/** Whether a request asks for a WebSocket. Any other upgrade is left out and the request served as it is. */
export function isWebSocket(request: IncomingMessage): boolean {
  return request.method === 'GET' && request.headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * Asks an instance for a WebSocket and, once it has agreed, joins the two sockets. The answer is parsed, not copied: an
 * instance that refuses can't leave the client with an open way past the gateway. From the 101 on it is a connection,
 * not a request: draining does not wait for it.
 */
export function startUpgrade(context: ExchangeContext, input: UpgradeInput): void {
  new Upgrade(context, input).start()
}

class Upgrade implements UpstreamHandler, Deadlined {
  connection: UpstreamConnection | undefined
  dueMs = 0
  earlier: Deadlined | undefined
  later: Deadlined | undefined
  list: DeadlineList | undefined
  readonly #context: ExchangeContext
  readonly #input: UpgradeInput
  #upstream: Upstream | undefined
  #controller: Dispatcher.DispatchController | undefined
  #isAnswered = false

  constructor(context: ExchangeContext, input: UpgradeInput) {
    this.#context = context
    this.#input = input
  }

  start(): void {
    const { request, service, answerDeadlines, socket, head, target, upgraded, startedMs } = this.#input
    service.metrics.inFlight += 1
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.#onClosed())
    if (upgraded.size >= UPGRADED_MAX) return this.#fail(503, 'queue_full', 'expected room for one more WebSocket')
    const isMatched = service.canary?.isMatched(request) ?? false
    const upstream = service.take(undefined, service.keyOf?.(request), isMatched)
    if (upstream === undefined) {
      return this.#fail(503, 'no_ready_instance', `expected ${service.name} to have an instance with room`)
    }
    this.#upstream = upstream
    answerDeadlines.set(this, startedMs)
    upstream.send({ method: 'GET', path: target, headers: head.headers, body: null, upgrade: 'websocket' }, this)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isAnswered || this.#input.socket.destroyed) controller.abort(new Error('the client has gone'))
  }

  onRequestUpgrade(_controller: unknown, status: number, headers: UpstreamHeaders, upstreamSocket: Duplex): void {
    const { socket, firstBytes, upgraded } = this.#input
    if (this.#upstream !== undefined) this.#input.service.report(this.#upstream, false)
    this.#writeHead(status, headers, 'connection: upgrade\r\nupgrade: websocket\r\n')
    this.#giveBack()
    upgraded.add(socket)
    if (this.#context.isStopping) socket.destroy()
    upstreamSocket.on('error', () => upstreamSocket.destroy())
    upstreamSocket.once('close', () => socket.destroy())
    socket.once('close', () => {
      upgraded.delete(socket)
      upstreamSocket.destroy()
    })
    if (firstBytes.length > 0) upstreamSocket.write(firstBytes)
    socket.pipe(upstreamSocket).pipe(socket)
  }

  /** Any status but 101: an ordinary answer, the last one on this connection. */
  onResponseStart(_controller: unknown, status: number, headers: UpstreamHeaders): void {
    if (status < 200) return
    if (this.#upstream !== undefined) this.#input.service.report(this.#upstream, status >= 500)
    this.list?.cancel(this)
    this.#writeHead(status, headers, 'connection: close\r\n')
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { socket } = this.#input
    if (socket.write(chunk)) return
    controller.pause()
    socket.once('drain', () => controller.resume())
  }

  onResponseEnd(): void {
    this.#input.socket.end()
    this.#giveBack()
  }

  onResponseError(_controller: unknown, _error: Error): void {
    const { service, socket } = this.#input
    if (this.#isAnswered) socket.destroy()
    else if (!socket.destroyed) {
      if (this.#controller === undefined) this.#upstream?.penalise()
      service.metrics.upstreamFailures += 1
      if (this.#upstream !== undefined) service.report(this.#upstream, true)
      this.#fail(502, 'upstream_failed', `expected an answer from ${service.name}, got a broken connection`)
    }
    this.#giveBack()
  }

  onDeadline(): void {
    const { service } = this.#input
    service.metrics.upstreamFailures += 1
    if (this.#upstream !== undefined) service.report(this.#upstream, true)
    this.#fail(504, 'upstream_timeout', `expected ${service.name} to answer in time, got nothing`)
    this.#controller?.abort(new Error('the deadline has passed'))
  }

  #onClosed(): void {
    this.list?.cancel(this)
    if (!this.#isAnswered) {
      this.#isAnswered = true
      this.#input.service.metrics.inFlight -= 1
      this.#input.service.metrics.aborted += 1
    }
    if (this.#upstream !== undefined) this.#controller?.abort(new Error('the client has gone'))
  }

  #writeHead(status: number, headers: UpstreamHeaders, connection: string): void {
    const { socket, head } = this.#input
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${connection}`
    for (const [name, values] of Object.entries(responseHeaders(headers, status, head.requestId))) {
      for (const value of Array.isArray(values) ? values : [values]) text += `${name}: ${value}\r\n`
    }
    socket.write(`${text}\r\n`, 'latin1')
    this.#answered(status)
  }

  #fail(status: number, code: GatewayErrorCode, message: string): void {
    if (this.#isAnswered) return
    const { socket, head } = this.#input
    const reason = STATUS_CODES[status] ?? ''
    socket.end(rawError({ status, code, message, requestId: head.requestId }, reason))
    this.#answered(status)
  }

  #answered(status: number): void {
    const { service, startedMs } = this.#input
    this.#isAnswered = true
    this.list?.cancel(this)
    service.metrics.inFlight -= 1
    service.metrics.record(status, this.#context.clock.nowMs() - startedMs)
  }

  #giveBack(): void {
    const upstream = this.#upstream
    this.#upstream = undefined
    if (upstream !== undefined) this.#input.service.giveBack(upstream)
  }
}
