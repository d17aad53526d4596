import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Dispatcher } from 'undici'
import type { Clock } from '../../core/clock.ts'
import { formatRequestTimeout, REQUEST_TIMEOUT_HEADER } from '../../core/request-timeout.ts'
import type { Deadlined, DeadlineList } from '../limits/deadline-list.ts'
import type { SpanFeed } from '../measurements/span-feed.ts'
import { isTraced } from '../measurements/span-feed.ts'
import type { DeadlineWheel } from '../limits/deadline-wheel.ts'
import { cutConnection } from './cut-connection.ts'
import type { GatewayErrorCode, GatewayResponse, ResponseOwner } from './gateway-response.ts'
import { answerError } from './gateway-response.ts'
import type { RequestBodyEvents } from './request-body.ts'
import { RequestBody } from './request-body.ts'
import type { ForwardedHead } from './request-headers.ts'
import type { UpstreamHeaders } from './response-headers.ts'
import { responseHeaders } from './response-headers.ts'
import { canRetry } from '../limits/retry-rule.ts'
import type { ServiceUpstreams } from '../upstream/service-upstreams.ts'
import type { Upstream, UpstreamConnection, UpstreamHandler } from '../upstream/upstream.ts'
import type { Waiter } from '../limits/waiting-queue.ts'

/** One request as the listener hands it over. */
export interface ExchangeInput {
  readonly request: IncomingMessage
  readonly response: GatewayResponse
  readonly head: ForwardedHead
  /** Path and query to forward. */
  readonly target: string
  readonly service: ServiceUpstreams
  /** For the first byte of the answer. */
  readonly answerDeadlines: DeadlineList
  /** The client waits for 100 Continue before it sends the body. */
  readonly expectsContinue: boolean
  readonly startedMs: number
  /** How long another service waits for this answer; undefined: as long as we do. */
  readonly callerTimeoutMs: number | undefined
}

/** What all exchanges share. */
export interface ExchangeContext {
  readonly clock: Clock
  /** Deadlines between two pieces of an answer. */
  readonly idleDeadlines: DeadlineList
  /** Deadlines of callers that wait for less than the service may take. */
  readonly callerDeadlines: DeadlineWheel
  readonly spans: SpanFeed
  /** The gateway is leaving: every answer is the last one on its connection. */
  isStopping: boolean
}

/** Bodies up to this size, arrived in one piece, leave in one piece as well. */
const WHOLE_BODY_MAX = 16_384

/** Carries one request to an instance and its answer back. */
export function startExchange(context: ExchangeContext, input: ExchangeInput): void {
  new Exchange(context, input).start()
}

/** Where a request is: it only ever moves forward, but for a retry, which goes back to `placing`. */
type Phase = 'placing' | 'connecting' | 'sent' | 'answering' | 'ended'

class Exchange implements UpstreamHandler, Deadlined, Waiter, ResponseOwner, RequestBodyEvents {
  connection: UpstreamConnection | undefined
  dueMs = 0
  earlier: Deadlined | undefined
  later: Deadlined | undefined
  list: DeadlineList | undefined
  waitingSinceMs = 0
  readonly balanceKey: number | undefined
  readonly isMatched: boolean
  readonly #context: ExchangeContext
  readonly #input: ExchangeInput
  readonly #body: RequestBody | null
  #phase: Phase = 'placing'
  #controller: Dispatcher.DispatchController | undefined
  #upstream: Upstream | undefined
  /** Who was asked last. */
  #instance: string | undefined
  #sentMs = 0
  #hasAnswerBytes = false
  #isRetried = false
  /** The caller's own deadline comes before the service's. */
  #isCallersDeadline = false
  /** Length of the answer's body where it is known and small enough to come in one piece. */
  #bodyLength = -1
  #wholeBody: Buffer | undefined
  #isPaused = false
  #isClosed = false

  constructor(context: ExchangeContext, input: ExchangeInput) {
    this.#context = context
    this.#input = input
    this.balanceKey = input.service.keyOf?.(input.request)
    this.isMatched = input.service.canary?.isMatched(input.request) ?? false
    this.#body = input.head.hasBody ? new RequestBody(input.request, input.service.bodyBytesMax, this) : null
  }

  start(): void {
    const { service, answerDeadlines, request, response, startedMs, callerTimeoutMs = Infinity } = this.#input
    service.metrics.inFlight += 1
    service.retryBudget.countRequest(startedMs)
    response.own(this)
    // Behind another answer on the same connection (pipelining) it is not told when that connection ends.
    if (response.socket === null) this.#followSocket(request.socket)
    this.#isCallersDeadline = callerTimeoutMs < answerDeadlines.timeoutMs
    if (callerTimeoutMs === 0) return this.#failDeadline()
    if (this.#isCallersDeadline) this.#context.callerDeadlines.set(this, startedMs + callerTimeoutMs)
    else answerDeadlines.set(this, startedMs)
    this.#place(undefined)
  }

  #place(avoid: Upstream | undefined): void {
    const { service } = this.#input
    this.#phase = 'placing'
    const upstream = service.take(avoid, this.balanceKey, this.isMatched)
    if (upstream !== undefined) this.onTurn(upstream)
    else if (service.isEmpty) this.onNobody()
    else if (!service.wait(this)) this.#fail(503, 'queue_full', 'expected room for one more request, got a full queue')
  }

  onTurn(upstream: Upstream): void {
    const { request, head, target } = this.#input
    this.#upstream = upstream
    this.#instance = upstream.id
    this.#phase = 'connecting'
    this.#controller = undefined
    this.#hasAnswerBytes = false
    this.#sentMs = this.#context.clock.nowMs()
    const timeLeft = formatRequestTimeout(this.dueMs - this.#sentMs)
    if (this.#isRetried) head.headers[head.headers.length - 1] = timeLeft
    else head.headers.push(REQUEST_TIMEOUT_HEADER, timeLeft)
    upstream.send({ method: request.method as string, path: target, headers: head.headers, body: this.#body }, this)
  }

  onNobody(): void {
    this.#fail(503, 'no_ready_instance', `expected ${this.#input.service.name} to have a ready instance, got none`)
  }

  onWaitedTooLong(): void {
    this.#fail(503, 'queue_full', 'expected an instance to have room in time, got none')
  }

  // What undici calls, in this order.

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isClosed || this.#input.response.headersSent) controller.abort(new Error('nobody waits for the answer'))
    else this.#phase = 'sent'
  }

  /** An upload that moves is not late, unless for a caller who waits no longer. */
  onBodySent(): void {
    if (this.#phase === 'sent' && !this.#isCallersDeadline)
      this.#input.answerDeadlines.set(this, this.#context.clock.nowMs())
  }

  onResponseStarted(): void {
    this.#hasAnswerBytes = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: UpstreamHeaders): void {
    const { response, head, request } = this.#input
    if (status < 200) {
      // Older versions of Node can't send any but 100; a client must not depend on them.
      if (request.httpVersion === '1.1') response.writeInformation?.(status, responseHeaders(headers, status))
      return
    }
    const nowMs = this.#context.clock.nowMs()
    const upstream = this.#upstream
    if (upstream !== undefined) {
      this.#input.service.observe(upstream, nowMs - this.#sentMs)
      this.#input.service.report(upstream, status >= 500)
    }
    if (this.#context.isStopping) response.makeLast()
    const length = Number(headers['content-length'])
    if (length <= WHOLE_BODY_MAX) this.#bodyLength = length
    response.writeHead(status, responseHeaders(headers, status, head.requestId))
    this.#phase = 'answering'
    this.#context.idleDeadlines.set(this, nowMs)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { response } = this.#input
    if (chunk.length === this.#bodyLength) {
      this.#wholeBody = chunk
      return
    }
    this.#context.idleDeadlines.set(this, this.#context.clock.nowMs())
    if (response.write(chunk)) return
    controller.pause()
    if (this.#isPaused) return
    this.#isPaused = true
    response.once('drain', () => {
      this.#isPaused = false
      this.#context.idleDeadlines.set(this, this.#context.clock.nowMs())
      this.#controller?.resume()
    })
  }

  onResponseEnd(): void {
    this.#phase = 'ended'
    if (this.connection !== undefined) this.connection.answers += 1
    this.#leaveUpstream()
    const whole = this.#wholeBody
    if (whole === undefined) this.#input.response.end()
    // As a string of the same bytes it leaves in one piece with the head, which costs half the system call.
    else this.#input.response.end(whole.toString('latin1'), 'latin1')
    // Answered before it was asked in full: nobody wants the rest of the question.
    this.#body?.destroy()
  }

  onResponseError(_controller: unknown, error: Error): void {
    const { response, service, request } = this.#input
    const upstream = this.#upstream
    const failedIn = this.#phase
    this.#phase = 'ended'
    this.#leaveUpstream()
    // We cut it ourselves: the client has gone, or has its answer.
    if (this.#isClosed || (failedIn !== 'answering' && response.headersSent)) return
    if (failedIn === 'connecting') upstream?.penalise()
    service.metrics.upstreamFailures += 1
    if (failedIn === 'answering') {
      if (upstream !== undefined) service.report(upstream, true)
      // Half an answer must never look like a whole one, not even to a client that reads until the end.
      cutConnection(request.socket)
      return
    }
    const isSafe = canRetry({
      isSent: failedIn === 'sent',
      hasAnswerBytes: this.#hasAnswerBytes,
      hasBody: this.#body !== null,
      method: request.method as string,
      error,
    })
    // One that was closed as idle the moment it was used says nothing about its instance.
    const isIdleClose = isSafe && (this.connection?.answers ?? 0) > 0
    if (upstream !== undefined && (failedIn === 'connecting' || !isIdleClose)) service.report(upstream, true)
    const isRetry = isSafe && !this.#isRetried && service.retryBudget.take(this.#context.clock.nowMs())
    if (isRetry) {
      this.#isRetried = true
      service.metrics.retries += 1
      this.#place(upstream)
    } else {
      if (isSafe && !this.#isRetried) service.metrics.retriesRefused += 1
      this.#fail(502, 'upstream_failed', `expected an answer from ${service.name}, got ${reasonOf(error)}`)
    }
  }

  onDeadline(): void {
    const { service } = this.#input
    if (this.#phase === 'placing') {
      service.stopWaiting(this)
      if (this.#isCallersDeadline) this.#failDeadline()
      else this.onWaitedTooLong()
    } else if (this.#phase === 'answering' || this.#phase === 'ended') {
      // With the answer complete, or held back by its client, it is the client that stands still.
      if (this.#phase === 'answering' && !this.#isPaused) service.metrics.upstreamFailures += 1
      cutConnection(this.#input.request.socket)
    } else if (this.#body?.isStarved === true) {
      this.#fail(408, 'request_timeout', 'expected the whole body in time, got only a part')
    } else if (this.#isCallersDeadline) {
      // The service may take longer than this caller waits: that is no failure of its, and no measure of its speed.
      this.#failDeadline()
    } else {
      service.metrics.upstreamFailures += 1
      const upstream = this.#upstream
      if (upstream !== undefined) {
        service.observe(upstream, this.#context.clock.nowMs() - this.#sentMs)
        service.report(upstream, true)
      }
      this.#fail(504, 'upstream_timeout', `expected ${service.name} to begin its answer in time, got nothing`)
    }
    this.#abandon('the deadline has passed')
  }

  onClosed(): void {
    if (this.#isClosed) return
    const { response, service, startedMs } = this.#input
    this.#isClosed = true
    this.list?.cancel(this)
    service.stopWaiting(this)
    this.#abandon('the client has gone')
    service.metrics.inFlight -= 1
    if (response.writableFinished) {
      const durationMs = this.#context.clock.nowMs() - startedMs
      const status = response.statusCode
      service.metrics.record(status, durationMs)
      service.canary?.record(this.#instance, status, durationMs)
      this.#trace(status, durationMs)
    } else {
      service.metrics.aborted += 1
    }
  }

  onBodyWanted(): void {
    if (this.#input.expectsContinue) this.#input.response.writeContinue()
  }

  onBodyTooLarge(): void {
    const { bodyBytesMax } = this.#input.service
    this.#fail(413, 'body_too_large', `expected a body of at most ${bodyBytesMax} bytes, got a longer one`)
    this.#abandon('the body is too long')
  }

  #trace(status: number, durationMs: number): void {
    const { head, target, request, service } = this.#input
    if (!isTraced(head.trace, status, durationMs)) return
    const method = request.method as string
    const [trace, instance] = [head.trace, this.#instance]
    this.#context.spans.add({ trace, method, target, service: service.name, instance, status, durationMs })
  }

  #followSocket(socket: Socket): void {
    // As many as the client pipelines, which Node bounds.
    socket.setMaxListeners(0)
    const onClose = (): void => this.onClosed()
    socket.once('close', onClose)
    this.#input.response.once('close', () => socket.off('close', onClose))
  }

  /** Ends what is under way to the instance, if anything is; `onResponseError` gives the place back. */
  #abandon(reason: string): void {
    if (this.#phase === 'sent' || this.#phase === 'answering') this.#controller?.abort(new Error(reason))
  }

  #leaveUpstream(): void {
    const upstream = this.#upstream
    this.#upstream = undefined
    if (upstream !== undefined) this.#input.service.giveBack(upstream)
  }

  #fail(status: number, code: GatewayErrorCode, message: string): void {
    const { response, head, expectsContinue } = this.#input
    this.list?.cancel(this)
    // A client that was never told to continue may send the body or leave it out: nothing after it could be told apart.
    const isLast = expectsContinue || status === 408 || status === 413 || this.#context.isStopping
    answerError(response, { status, code, message, requestId: head.requestId, isLast })
  }

  #failDeadline(): void {
    const { name } = this.#input.service
    this.#fail(504, 'deadline_exceeded', `expected ${name} to begin its answer while its caller waits, got nothing`)
  }
}

/** A short reason for the client: the kind of failure, never an address. */
function reasonOf(error: Error): string {
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'ECONNREFUSED') return 'a refused connection'
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return 'no connection in time'
  return 'a broken connection'
}
