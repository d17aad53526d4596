import type { IncomingMessage } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import type { ResolvedTraffic } from '../../blueprint/resolved-traffic.ts'
import { DEFAULT_TRAFFIC } from '../../blueprint/resolved-traffic.ts'
import type { Clock } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'
import type { BalanceKeyOf } from '../balancing/balance-key.ts'
import { balanceKeyOf } from '../balancing/balance-key.ts'
import type { Balancer } from '../balancing/balancer.ts'
import { createBalancer } from '../balancing/create-balancer.ts'
import type { CanarySplit } from '../balancing/canary-split.ts'
import { createCanarySplit, hasCanary } from '../balancing/canary-split.ts'
import type { Endpoint, GatewayService } from '../gateway-config.ts'
import type { AnswerDeadlines } from '../limits/answer-deadlines.ts'
import { createAnswerDeadlines } from '../limits/answer-deadlines.ts'
import type { ServiceMetrics } from '../measurements/access-metrics.ts'
import type { RetryBudget } from '../limits/retry-budget.ts'
import { createRetryBudget } from '../limits/retry-budget.ts'
import type { ProbeInstance } from '../health/probe-instance.ts'
import type { Prober } from '../health/prober.ts'
import { createProber } from '../health/prober.ts'
import type { HealthChange, ServiceHealth } from '../health/service-health.ts'
import { createServiceHealth } from '../health/service-health.ts'
import type { RateLimit } from '../limits/rate-limit.ts'
import { createRateLimit } from '../limits/rate-limit.ts'
import { slowStartShare } from '../balancing/slow-start.ts'
import type { Room, Upstream } from './upstream.ts'
import { createUpstream } from './upstream.ts'
import type { Capacity } from '../limits/capacity.ts'
import { createCapacity } from '../limits/capacity.ts'
import type { Waiter, WaitingQueue } from '../limits/waiting-queue.ts'
import { createWaitingQueue } from '../limits/waiting-queue.ts'

/** The instances of one service and the requests that wait for them. */
export interface ServiceUpstreams {
  readonly name: string
  readonly metrics: ServiceMetrics
  /** Deadlines for the first byte of the answer. */
  readonly answerDeadlines: AnswerDeadlines
  readonly retryBudget: RetryBudget
  readonly isEmpty: boolean
  /** How to find what a ring hash goes by; undefined with other balancers. */
  readonly keyOf: BalanceKeyOf | undefined
  /** What each client may ask from outside; undefined: as much as it likes. */
  readonly rateLimit: RateLimit | undefined
  /** Of the body of a request; Infinity: of any length. */
  readonly bodyBytesMax: number
  /** Requests that all instances together get at a time, as it has been found out; undefined: nobody tries to. */
  readonly limit: number | undefined
  readonly endpoints: readonly Upstream[]
  /** While a new release is tried. */
  readonly canary: CanarySplit | undefined
  /** Which of them get requests. */
  readonly health: Omit<ServiceHealth<Upstream>, 'configure' | 'report' | 'probed' | 'sweep'>
  /** Takes over what the control plane says; an instance that stays keeps its connections and its memory. */
  configure(service: GatewayService): void
  /**
   * An instance with a place taken in it, or undefined: all are full, or there are none.
   *
   * @param isMatched it is for the canary, if there is one, whatever its share. @default false
   */
  take(avoid?: Upstream, key?: number, isMatched?: boolean): Upstream | undefined
  /** Whether a request is one that can be done without, and there is too much to do. */
  isShed(request: IncomingMessage): boolean
  /** An instance began to answer, or has not, after this time. */
  observe(upstream: Upstream, latencyMs: number): void
  /** An attempt has been answered, or has failed by no fault of the client's: it counts for the instance's health. */
  report(upstream: Upstream, isFailure: boolean): void
  /** Gives a place back, to the request that has waited longest. */
  giveBack(upstream: Upstream): void
  /** False when the queue is full. */
  wait(waiter: Waiter): boolean
  stopWaiting(waiter: Waiter): void
  /** Ends what has waited too long and lets new instances have more: to be called every 50 ms or so. */
  sweep(nowMs: number): void
  /** What has left the list under this id with requests under way; there may be several. */
  retired(id: string): readonly Upstream[]
  destroy(): Promise<void>
}

/** @see createServiceUpstreams */
export interface ServiceUpstreamsOptions {
  readonly clock: Clock
  readonly random: Random
  readonly metrics: ServiceMetrics
  readonly probe: ProbeInstance
  /** Called when an instance goes out or comes back. */
  readonly onHealth?: ((change: HealthChange<Upstream>) => void) | undefined
}

export function createServiceUpstreams(name: string, options: ServiceUpstreamsOptions): ServiceUpstreams {
  return new BalancedService(name, options)
}

class BalancedService implements ServiceUpstreams {
  readonly name: string
  readonly metrics: ServiceMetrics
  readonly answerDeadlines: AnswerDeadlines = createAnswerDeadlines()
  readonly retryBudget: RetryBudget = createRetryBudget()
  readonly #clock: Clock
  readonly #random: Random
  readonly health: ServiceHealth<Upstream>
  readonly #prober: Prober<Upstream>
  readonly #capacity: Capacity = createCapacity()
  readonly #queue: WaitingQueue = createWaitingQueue()
  readonly #room: Room = { inFlightMax: 0 }
  /** New instances and since when they are here. */
  readonly #warming = new Map<Upstream, number>()
  readonly #retired = new Set<Upstream>()
  #listed: Upstream[] = []
  #traffic: ResolvedTraffic = DEFAULT_TRAFFIC
  #balancer: Balancer
  canary: CanarySplit | undefined
  keyOf: BalanceKeyOf | undefined
  rateLimit: RateLimit | undefined
  bodyBytesMax = Infinity

  constructor(name: string, options: ServiceUpstreamsOptions) {
    const { clock, random, probe } = options
    this.name = name
    this.metrics = options.metrics
    this.#clock = options.clock
    this.#random = options.random
    this.#balancer = createBalancer(this.#traffic.balance, options.random)
    this.health = createServiceHealth({
      random: random.fork('health'),
      onChange: (change) => {
        this.#onHealth(change)
        options.onHealth?.(change)
      },
    })
    this.#prober = createProber({
      clock,
      random: random.fork('probes'),
      probe,
      onProbed: (upstream, failure) => this.health.probed(upstream, failure),
    })
  }

  get isEmpty(): boolean {
    return this.#listed.length === 0
  }

  get limit(): number | undefined {
    return this.#capacity.limit
  }

  get endpoints(): readonly Upstream[] {
    return this.#listed
  }

  configure(service: GatewayService): void {
    this.answerDeadlines.timeoutMs = service.requestTimeoutMs
    this.#treat(service.traffic ?? DEFAULT_TRAFFIC)
    const leaving = new Map(this.#listed.map((upstream) => [keyOf(upstream.endpoint), upstream]))
    const nowMs = this.#clock.nowMs()
    const isFirst = this.isEmpty
    const initialLatencyMs = this.#meanLatencyMs(nowMs)
    this.#listed = service.endpoints.map((endpoint) => {
      const key = keyOf(endpoint)
      const known = leaving.get(key)
      leaving.delete(key)
      const upstream = known ?? createUpstream(endpoint, { clock: this.#clock, initialLatencyMs, room: this.#room })
      upstream.endpoint = endpoint
      // Where all are new none of them has others to leave the traffic to.
      if (known === undefined && !isFirst && this.#traffic.slowStartMs > 0) this.#warming.set(upstream, nowMs)
      if (!this.#warming.has(upstream)) upstream.reweigh(endpoint.weight ?? 1, 1)
      return upstream
    })
    this.#split(service.endpoints)
    for (const upstream of leaving.values()) {
      upstream.retire()
      this.#warming.delete(upstream)
      if (upstream.inFlight > 0) this.#retired.add(upstream)
    }
    this.#warm(nowMs)
    this.health.configure(this.#listed, this.#traffic)
    this.#capacity.configure(this.#traffic, this.#listed.length)
    this.#prober.configure(this.#listed, this.#traffic.probe)
    this.#serveQueue()
  }

  take(avoid?: Upstream, key?: number, isMatched = false): Upstream | undefined {
    if (this.#capacity.isFull) return undefined
    const { soft, hard } = this.#traffic.inFlight
    const nowMs = this.#clock.nowMs()
    const isForCanary = this.canary?.isNext({ isRepeated: avoid !== undefined, isMatched, key }) ?? false
    let upstream: Upstream | undefined
    if (soft < hard) {
      this.#room.inFlightMax = soft
      upstream = this.#pick(isForCanary, nowMs, avoid, key)
      this.#room.inFlightMax = hard
      if (upstream === avoid) upstream = undefined
    }
    upstream ??= this.#pick(isForCanary, nowMs, avoid, key)
    if (upstream === undefined) return undefined
    upstream.enter()
    this.#capacity.enter()
    return upstream
  }

  isShed(request: IncomingMessage): boolean {
    return this.#capacity.isShed(request, this.#queue.length)
  }

  observe(upstream: Upstream, latencyMs: number): void {
    upstream.observe(latencyMs)
    this.#capacity.observe(latencyMs, this.#clock.nowMs())
  }

  report(upstream: Upstream, isFailure: boolean): void {
    this.health.report(upstream, isFailure, isFailure ? this.#clock.nowMs() : 0)
  }

  giveBack(upstream: Upstream): void {
    upstream.leave()
    this.#capacity.leave()
    if (this.#retired.size > 0 && upstream.inFlight === 0) this.#retired.delete(upstream)
    if (this.#queue.length > 0) this.#serveQueue()
  }

  wait(waiter: Waiter): boolean {
    const isAdmitted = this.#queue.add(waiter, this.#clock.nowMs())
    this.metrics.queued = this.#queue.length
    return isAdmitted
  }

  stopWaiting(waiter: Waiter): void {
    this.#queue.delete(waiter)
    this.metrics.queued = this.#queue.length
  }

  sweep(nowMs: number): void {
    this.answerDeadlines.sweep(nowMs)
    if (this.#queue.length > 0) {
      this.#queue.sweep(nowMs)
      this.metrics.queued = this.#queue.length
    }
    if (this.#warming.size > 0) this.#warm(nowMs)
    this.health.sweep(nowMs)
  }

  retired(id: string): readonly Upstream[] {
    return [...this.#retired].filter((upstream) => upstream.id === id)
  }

  async destroy(): Promise<void> {
    this.#prober.stop()
    await Promise.all([...this.#listed, ...this.#retired].map((upstream) => upstream.destroy()))
  }

  #pick(isForCanary: boolean, nowMs: number, avoid?: Upstream, key?: number): Upstream | undefined {
    const { available } = this.health
    if (this.canary === undefined) return this.#balancer.pick(available, nowMs, avoid, key)
    return this.canary.pick(available, this.#balancer, { isForCanary, nowMs, avoid, key })
  }

  #split(endpoints: readonly Endpoint[]): void {
    if (!hasCanary(endpoints)) this.canary = undefined
    else this.canary ??= createCanarySplit(this.#traffic.balance, this.#random.fork('canary'))
    this.canary?.configure(endpoints)
  }

  #serveQueue(): void {
    for (const waiter of this.#queue) {
      const upstream = this.isEmpty ? undefined : this.take(undefined, waiter.balanceKey, waiter.isMatched)
      if (upstream === undefined && !this.isEmpty) return
      this.stopWaiting(waiter)
      if (upstream === undefined) waiter.onNobody()
      else waiter.onTurn(upstream)
    }
  }

  #treat(traffic: ResolvedTraffic): void {
    if (!isDeepStrictEqual(traffic.balance, this.#traffic.balance)) {
      this.#balancer = createBalancer(traffic.balance, this.#random)
    }
    if (!isDeepStrictEqual(traffic.rate, this.#traffic.rate)) {
      this.rateLimit = traffic.rate === undefined ? undefined : createRateLimit(traffic.rate)
    }
    this.#traffic = traffic
    this.bodyBytesMax = traffic.bodyBytesMax ?? Infinity
    this.keyOf = balanceKeyOf(traffic.balance)
    this.#room.inFlightMax = traffic.inFlight.hard
    this.#queue.lengthMax = traffic.queue.length
    this.#queue.timeoutMs = traffic.queue.timeoutMs ?? Infinity
  }

  #onHealth(change: HealthChange<Upstream>): void {
    if (change.kind === 'out') this.metrics.countOut(change.instance.id, change.reason)
    if (change.kind === 'back' && change.reason === 'probe' && this.#traffic.slowStartMs > 0) {
      const nowMs = this.#clock.nowMs()
      this.#warming.set(change.instance, nowMs)
      this.#warm(nowMs)
    }
    if (change.kind !== 'out' && this.#queue.length > 0) this.#serveQueue()
  }

  #warm(nowMs: number): void {
    for (const [upstream, sinceMs] of this.#warming) {
      const share = slowStartShare(nowMs - sinceMs, this.#traffic.slowStartMs)
      upstream.reweigh(upstream.endpoint.weight ?? 1, share)
      if (share === 1) this.#warming.delete(upstream)
    }
  }

  #meanLatencyMs(nowMs: number): number {
    const sum = this.#listed.reduce((total, upstream) => total + upstream.latencyMs(nowMs), 0)
    return this.#listed.length === 0 ? 0 : sum / this.#listed.length
  }
}

function keyOf(endpoint: Endpoint): string {
  return `${endpoint.id} ${endpoint.host} ${endpoint.port}`
}
