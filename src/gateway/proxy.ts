import type { IncomingMessage } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { DEFAULT_HEADERS } from '../blueprint/resolved-blueprint.ts'
import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { uniqueId } from '../core/random.ts'
import type { AccessSource } from './measurements/access-frame.ts'
import { createServiceMetrics } from './measurements/access-metrics.ts'
import type { DeadlineList } from './limits/deadline-list.ts'
import { createDeadlineList } from './limits/deadline-list.ts'
import { createDeadlineWheel } from './limits/deadline-wheel.ts'
import type { ExchangeContext, ExchangeInput } from './exchange/exchange.ts'
import { startExchange } from './exchange/exchange.ts'
import type { GatewayConfig } from './gateway-config.ts'
import type { GatewayError, GatewayErrorCode } from './exchange/gateway-response.ts'
import { answerError, rawError } from './exchange/gateway-response.ts'
import type { ListenerHandlers } from './listener.ts'
import type { ProbeInstance } from './health/probe-instance.ts'
import { createProbe } from './health/probe-instance.ts'
import type { ForwardedHead } from './exchange/request-headers.ts'
import { forwardHead, isRefused, originForm } from './exchange/request-headers.ts'
import { normalisePath } from './exchange/request-path.ts'
import type { Router } from './router.ts'
import { createRouter, routeInternally } from './router.ts'
import type { ServiceUpstreams } from './upstream/service-upstreams.ts'
import { createServiceUpstreams } from './upstream/service-upstreams.ts'
import type { HealthChange } from './health/service-health.ts'
import type { SpanFeed } from './measurements/span-feed.ts'
import { createSpanFeed } from './measurements/span-feed.ts'
import type { StaticServices } from './static/static-services.ts'
import { createStaticServices } from './static/static-services.ts'
import type { TraceSampler } from './measurements/trace-sampler.ts'
import { createTraceSampler } from './measurements/trace-sampler.ts'
import { startUpgrade } from './exchange/upgrade.ts'
import type { Upstream } from './upstream/upstream.ts'

/** Which listener a request came in on. */
export type Entrance = 'public' | 'internal'

/** How long an answer may pause between two pieces; streams that are quiet for longer send a comment now and then. */
const ANSWER_IDLE_MS = 300_000
const SWEEP_MS = 50
/** Refusals after which a connection goes on: nothing is wrong with what follows. */
const CONTINUES: ReadonlySet<GatewayErrorCode> = new Set(['no_route', 'rate_limited', 'shed'])

/** The data plane: requests in, requests out. Knows nothing of sockets that listen. */
export interface Proxy extends AccessSource {
  /** Requests whose trace is kept. */
  readonly spans: SpanFeed
  /** Takes over a configuration; false when it is older than the one that is served. */
  apply(config: GatewayConfig): boolean
  /** What it serves now; version 0 before the first. */
  readonly config: GatewayConfig
  /** What serves the requests of a listener. */
  entrance(entrance: Entrance): ListenerHandlers
  /** Resolves true when nothing is in flight to what has left the list under this id, false at the deadline. */
  drained(service: string, instance: string, deadlineMs: number): Promise<boolean>
  /** From now on every answer is the last on its connection. WebSockets have no last answer: they end now. */
  announceStop(): void
  /** Cuts what is left. */
  destroy(): Promise<void>
}

/** @see createProxy */
export interface ProxyOptions {
  readonly clock: Clock
  readonly random: Random
  /** Of one request. @default 100 */
  readonly headersMax?: number | undefined
  /** The public listener speaks TLS. @default false */
  readonly isSecure?: boolean | undefined
  /** What somebody who reads the gateway's log wants to know. @default nothing is told */
  readonly log?: ((message: string) => void) | undefined
}

export function createProxy(options: ProxyOptions): Proxy {
  return new BalancingProxy(options)
}

interface Place {
  readonly head: ForwardedHead
  /** Path and query to forward. */
  readonly target: string
  readonly service: ServiceUpstreams
  readonly answerDeadlines: DeadlineList
}

class BalancingProxy implements Proxy {
  readonly services = new Map<string, ServiceUpstreams>()
  readonly refused = new Map<GatewayErrorCode, number>()
  readonly spans: SpanFeed
  readonly #sampler: TraceSampler
  readonly #upgraded = new Set<Duplex>()
  readonly #context: ExchangeContext
  readonly #clock: Clock
  readonly #random: Random
  readonly #headersMax: number
  readonly #publicProtocol: 'http' | 'https'
  readonly #log: (message: string) => void
  readonly #probe: ProbeInstance
  readonly #stopSweeping: () => void
  readonly #statics: StaticServices
  config: GatewayConfig = { version: 0, routes: [], services: {} }
  #routePublic: Router = () => undefined

  constructor(options: ProxyOptions) {
    const { clock, random, headersMax = DEFAULT_HEADERS.countMax, isSecure = false, log = () => undefined } = options
    this.#headersMax = headersMax
    this.#publicProtocol = isSecure ? 'https' : 'http'
    this.#log = log
    this.#probe = createProbe(clock)
    this.#clock = clock
    this.#random = random
    this.#statics = createStaticServices(clock)
    this.spans = createSpanFeed(clock)
    this.#sampler = createTraceSampler(clock)
    this.#context = {
      clock,
      idleDeadlines: createDeadlineList(ANSWER_IDLE_MS),
      callerDeadlines: createDeadlineWheel(),
      spans: this.spans,
      isStopping: false,
    }
    this.#stopSweeping = clock.every(SWEEP_MS, () => this.#sweep(), { unref: true })
  }

  apply(config: GatewayConfig): boolean {
    if (config.version < this.config.version) return false
    this.config = config
    for (const [name, service] of Object.entries(config.services)) this.#service(name).configure(service)
    for (const [name, service] of this.services) {
      // Kept, with nobody in it, until its last request has ended: its metrics say so.
      if (!Object.hasOwn(config.services, name)) service.configure({ requestTimeoutMs: 30_000, endpoints: [] })
    }
    this.#statics.configure(config.services)
    this.#routePublic = createRouter(config.routes)
    return true
  }

  entrance(entrance: Entrance): ListenerHandlers {
    const routeOf: Router = entrance === 'public' ? (path) => this.#routePublic(path) : routeInternally
    const protocol = entrance === 'public' ? this.#publicProtocol : 'http'
    return {
      onRequest: (request, response, expectsContinue) => {
        const place = this.#admit(entrance, this.#locate(routeOf, protocol, request), request)
        // From outside it would be anybody's choice what counts as a failure of the service.
        const callerTimeoutMs = entrance === 'internal' && 'head' in place ? place.head.timeoutMs : undefined
        this.#handle(place, { request, response, expectsContinue, callerTimeoutMs })
      },
      onUpgrade: (request, socket, firstBytes) => {
        const place = this.#admit(entrance, this.#locate(routeOf, protocol, request), request)
        this.#handleUpgrade(place, request, socket, firstBytes)
      },
    }
  }

  #handle(
    place: Place | GatewayError,
    asked: Pick<ExchangeInput, 'request' | 'response' | 'expectsContinue' | 'callerTimeoutMs'>,
  ): void {
    if ('status' in place) {
      const isLast = !CONTINUES.has(place.code) || asked.expectsContinue
      this.#count(place.code)
      answerError(asked.response, { ...place, isLast })
      return
    }
    const { target, head, service } = place
    if (this.#statics.has(service.name)) {
      const { isStopping } = this.#context
      this.#statics.serve(service, { ...asked, target, requestId: head.requestId, isStopping })
    } else startExchange(this.#context, { ...asked, ...place, startedMs: this.#clock.nowMs() })
  }

  #handleUpgrade(place: Place | GatewayError, request: IncomingMessage, socket: Duplex, firstBytes: Buffer): void {
    const startedMs = this.#clock.nowMs()
    if ('status' in place) {
      this.#count(place.code)
      socket.on('error', () => socket.destroy())
      socket.end(rawError(place, STATUS_CODES[place.status] ?? ''))
      return
    }
    const { head, target, service, answerDeadlines } = place
    const upgraded = this.#upgraded
    startUpgrade(this.#context, {
      request,
      socket,
      firstBytes,
      head,
      target,
      service,
      answerDeadlines,
      upgraded,
      startedMs,
    })
  }

  /** A request that there is room for and, from outside, whose client has not asked for too much: told by its head alone. */
  #admit(entrance: Entrance, place: Place | GatewayError, request: IncomingMessage): Place | GatewayError {
    if ('status' in place) return place
    const { bodyBytesMax } = place.service
    if (place.head.hasBody && bodyBytesMax < Infinity && Number(request.headers['content-length']) > bodyBytesMax) {
      const message = `expected a body of at most ${bodyBytesMax} bytes, got ${request.headers['content-length']}`
      return { status: 413, code: 'body_too_large', message, requestId: place.head.requestId }
    }
    if (place.service.isShed(request)) {
      const message = `expected ${place.service.name} to have room for what is not urgent, got more important requests`
      return { status: 503, code: 'shed', message, requestId: place.head.requestId, retryAfterS: 1 }
    }
    if (entrance === 'internal' || place.service.rateLimit === undefined) return place
    const retryAfterS = place.service.rateLimit(request, this.#clock.nowMs())
    if (retryAfterS === 0) return place
    const message = `expected fewer requests to ${place.service.name}: come again in ${retryAfterS} s`
    return { status: 429, code: 'rate_limited', message, requestId: place.head.requestId, retryAfterS }
  }

  /** Where a request goes, or the error that it is answered with. */
  #locate(routeOf: Router, protocol: 'http' | 'https', request: IncomingMessage): Place | GatewayError {
    const { httpVersion, rawHeaders, socket } = request
    const remoteAddress = plainAddress(socket.remoteAddress)
    const { isKept } = this.#sampler
    const head = forwardHead(rawHeaders, {
      httpVersion,
      remoteAddress,
      isKept,
      protocol,
      headersMax: this.#headersMax,
    })
    if (isRefused(head)) {
      const { status, reason: message } = head
      return { status, code: status === 431 ? 'too_many_headers' : 'bad_request', message, requestId: uniqueId() }
    }
    const { requestId } = head
    const target = originForm(request.url as string, head.host)
    const path = target === undefined ? undefined : normalisePath(target)
    const match = path === undefined ? 'ambiguous' : routeOf(path)
    if (match === 'ambiguous') {
      const message = 'expected a target that names one path on this host'
      return { status: 400, code: 'bad_request', message, requestId }
    }
    const service = match === undefined ? undefined : this.services.get(match.service)
    if (match === undefined || service === undefined) {
      const message = 'expected the path to belong to a service, got one that no route matches'
      return { status: 404, code: 'no_route', message, requestId }
    }
    return { head, target: match.target, service, answerDeadlines: service.answerDeadlines.of(match.timeoutMs) }
  }

  async drained(serviceName: string, instance: string, deadlineMs: number): Promise<boolean> {
    const upstreams = this.services.get(serviceName)?.retired(instance) ?? []
    const { promise: deadline, resolve } = Promise.withResolvers<false>()
    const cancel = this.#clock.schedule(deadlineMs, () => resolve(false))
    try {
      return await Promise.race([Promise.all(upstreams.map((upstream) => upstream.idle())).then(() => true), deadline])
    } finally {
      cancel()
    }
  }

  announceStop(): void {
    this.#context.isStopping = true
    for (const socket of this.#upgraded) socket.destroy()
  }

  async destroy(): Promise<void> {
    this.#stopSweeping()
    this.spans.end()
    this.#sampler.end()
    await Promise.all([...this.services.values()].map((service) => service.destroy()))
  }

  #service(name: string): ServiceUpstreams {
    const known = this.services.get(name)
    if (known !== undefined) return known
    const random = this.#random.fork(name)
    const service = createServiceUpstreams(name, {
      clock: this.#clock,
      random,
      metrics: createServiceMetrics(),
      probe: this.#probe,
      onHealth: (change) => this.#log(healthMessage(name, change)),
    })
    this.services.set(name, service)
    return service
  }

  #count(code: GatewayErrorCode): void {
    this.refused.set(code, (this.refused.get(code) ?? 0) + 1)
  }

  #sweep(): void {
    const nowMs = this.#clock.nowMs()
    this.#context.idleDeadlines.sweep(nowMs)
    this.#context.callerDeadlines.sweep(nowMs)
    for (const service of this.services.values()) service.sweep(nowMs)
  }
}

function healthMessage(service: string, change: HealthChange<Upstream>): string {
  switch (change.kind) {
    case 'out':
      return `${change.instance.id} gets no requests: ${change.detail}`
    case 'back':
      return `${change.instance.id} gets requests again`
    case 'panic':
      return change.isPanic
        ? `all instances of ${service} get requests, since only ${change.detail}`
        : `instances of ${service} that are unwell get none again, since ${change.detail}`
  }
}

function plainAddress(address: string | undefined): string {
  if (address === undefined) return 'unknown'
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
