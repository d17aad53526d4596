import type { Dispatcher } from 'undici'
import { Client, Pool } from 'undici'
import { IN_FLIGHT_MAX } from '../../blueprint/resolved-traffic.ts'
import type { Clock } from '../../core/clock.ts'
import type { Candidate } from '../balancing/balancer.ts'
import type { Endpoint } from '../gateway-config.ts'
import type { Outcomes } from '../health/outlier-detection.ts'
import { createPeakEwma } from '../balancing/peak-ewma.ts'

/** An instance that could not be reached counts as this slow for a while, or its quick failures would attract everything. */
const FAILURE_COST_MS = 2_000
const CONNECT_TIMEOUT_MS = 3_000
/** Below the 5 s of a Node server, so that we leave an idle connection before it does and no request meets the door. */
const KEEP_ALIVE_MS = 4_000

/** A connection to an instance, as an exchange sees it. */
export interface UpstreamConnection {
  /** Answers on the present socket so far: above 0, the instance may have closed it as idle the moment we sent. */
  answers: number
}

/** What is told about a request on its way, on top of what undici tells. */
export interface UpstreamHandler extends Dispatcher.DispatchHandler {
  connection: UpstreamConnection | undefined
}

/** Room in the instances of one service. */
export interface Room {
  /** Requests under way to one instance at most; more wait in the gateway, where another instance can take them. */
  inFlightMax: number
}

/** One instance: its connections, what is under way to it, how fast it is. */
export interface Upstream extends Candidate {
  readonly id: string
  /** As it was listed last: its weight may change, its address does not. */
  endpoint: Endpoint
  readonly outcomes: Outcomes
  /** Takes a place; `leave` gives it back. */
  enter(): void
  leave(): void
  send(options: Dispatcher.DispatchOptions, handler: UpstreamHandler): void
  /** It began to answer after this time. */
  observe(latencyMs: number): void
  /** It could not be reached. */
  penalise(): void
  /** Its weight, and the part of it that it has now: less than 1 while it warms up. */
  reweigh(weight: number, share: number): void
  /** Takes nothing new; its connections end when the last request has ended. */
  retire(): void
  /** Resolves when nothing is under way to it. */
  idle(): Promise<void>
  /** Cuts every connection. */
  destroy(): Promise<void>
}

export function createUpstream(
  endpoint: Endpoint,
  options: { clock: Clock; initialLatencyMs: number; room: Room },
): Upstream {
  return new PooledUpstream(endpoint, options)
}

class PooledUpstream implements Upstream {
  readonly id: string
  endpoint: Endpoint
  weight: number
  inFlight = 0
  readonly outcomes: Outcomes = { requests: 0, failures: 0, consecutive: 0 }
  readonly #pool: Pool
  readonly #clock: Clock
  readonly #room: Room
  readonly #latency
  #isRetired = false
  #onIdle: (() => void)[] = []

  constructor(endpoint: Endpoint, options: { clock: Clock; initialLatencyMs: number; room: Room }) {
    const { clock, initialLatencyMs, room } = options
    this.id = endpoint.id
    this.endpoint = endpoint
    this.weight = endpoint.weight ?? 1
    this.#clock = clock
    this.#room = room
    this.#latency = createPeakEwma(initialLatencyMs, clock.nowMs())
    const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host
    this.#pool = new Pool(`http://${host}:${endpoint.port}`, {
      connections: IN_FLIGHT_MAX,
      pipelining: 1,
      allowH2: false,
      connectTimeout: CONNECT_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      // Deadlines are ours: one list for all requests instead of timers for each.
      headersTimeout: 0,
      bodyTimeout: 0,
      factory: (origin, clientOptions) => new TrackedClient(origin, clientOptions),
    })
  }

  get isFull(): boolean {
    return this.inFlight >= this.#room.inFlightMax
  }

  latencyMs(nowMs: number): number {
    return this.#latency.at(nowMs)
  }

  enter(): void {
    this.inFlight += 1
  }

  leave(): void {
    this.inFlight -= 1
    if (this.inFlight > 0) return
    for (const resolve of this.#onIdle.splice(0)) resolve()
    if (this.#isRetired) void this.destroy()
  }

  send(options: Dispatcher.DispatchOptions, handler: UpstreamHandler): void {
    this.#pool.dispatch(options, handler)
  }

  observe(latencyMs: number): void {
    this.#latency.observe(latencyMs, this.#clock.nowMs())
  }

  penalise(): void {
    this.observe(FAILURE_COST_MS)
  }

  reweigh(weight: number, share: number): void {
    this.weight = weight * share
  }

  retire(): void {
    this.#isRetired = true
    if (this.inFlight === 0) void this.destroy()
  }

  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }

  destroy(): Promise<void> {
    return this.#pool.destroyed ? Promise.resolve() : this.#pool.destroy()
  }
}

/** Tells each request which connection it went out on: only a reused one may be retried after a reset. */
class TrackedClient extends Client implements UpstreamConnection {
  answers = 0

  constructor(origin: URL, options: object) {
    super(origin, options)
    this.on('connect', () => {
      this.answers = 0
    })
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const tracked = handler as UpstreamHandler
    tracked.connection = this
    return super.dispatch(options, handler)
  }
}
