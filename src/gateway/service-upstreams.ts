import type { Clock } from '../core/clock.ts'
import type { Balancer } from './balancer.ts'
import type { Endpoint, GatewayService } from './gateway-config.ts'
import type { DeadlineList } from './deadline-list.ts'
import { createDeadlineList } from './deadline-list.ts'
import type { ServiceMetrics } from './access-metrics.ts'
import type { RetryBudget } from './retry-budget.ts'
import { createRetryBudget } from './retry-budget.ts'
import type { Upstream } from './upstream.ts'
import { createUpstream } from './upstream.ts'

/** Requests of one service that wait for an instance with room; more are answered 503. */
const QUEUE_MAX = 1_024

/** A request that waits for an instance. */
export interface Waiter {
  /** An instance has room, and a place in it is taken. */
  onTurn(upstream: Upstream): void
  /** There is no instance any more. */
  onNobody(): void
}

/** The instances of one service and the requests that wait for them. */
export interface ServiceUpstreams {
  readonly name: string
  readonly metrics: ServiceMetrics
  /** Deadlines for the first byte of the answer. */
  readonly answerDeadlines: DeadlineList
  readonly retryBudget: RetryBudget
  readonly isEmpty: boolean
  readonly endpoints: readonly Upstream[]
  /** Takes over what the control plane says; an instance that stays keeps its connections and its memory. */
  configure(service: GatewayService): void
  /** An instance with a place taken in it, or undefined: all are full, or there are none. */
  take(avoid?: Upstream): Upstream | undefined
  /** Gives a place back, to the request that has waited longest. */
  giveBack(upstream: Upstream): void
  /** False when the queue is full. */
  wait(waiter: Waiter): boolean
  stopWaiting(waiter: Waiter): void
  /** The instances of this id with requests under way: listed or not, there may be several after a restart. */
  find(id: string): readonly Upstream[]
  destroy(): Promise<void>
}

export function createServiceUpstreams(
  name: string,
  options: { clock: Clock; balancer: Balancer; metrics: ServiceMetrics },
): ServiceUpstreams {
  return new BalancedService(name, options)
}

class BalancedService implements ServiceUpstreams {
  readonly name: string
  readonly metrics: ServiceMetrics
  readonly answerDeadlines: DeadlineList = createDeadlineList(30_000)
  readonly retryBudget: RetryBudget = createRetryBudget()
  readonly #clock: Clock
  readonly #balancer: Balancer
  readonly #queue = new Set<Waiter>()
  readonly #retired = new Set<Upstream>()
  #listed: Upstream[] = []

  constructor(name: string, options: { clock: Clock; balancer: Balancer; metrics: ServiceMetrics }) {
    this.name = name
    this.metrics = options.metrics
    this.#clock = options.clock
    this.#balancer = options.balancer
  }

  get isEmpty(): boolean {
    return this.#listed.length === 0
  }

  get endpoints(): readonly Upstream[] {
    return this.#listed
  }

  configure(service: GatewayService): void {
    this.answerDeadlines.timeoutMs = service.requestTimeoutMs
    const leaving = new Map(this.#listed.map((upstream) => [keyOf(upstream.endpoint), upstream]))
    const initialLatencyMs = this.#meanLatencyMs()
    this.#listed = service.endpoints.map((endpoint) => {
      const key = keyOf(endpoint)
      const known = leaving.get(key)
      leaving.delete(key)
      known?.reweigh(endpoint.weight)
      return known ?? createUpstream(endpoint, { clock: this.#clock, initialLatencyMs })
    })
    for (const upstream of leaving.values()) {
      upstream.retire()
      if (upstream.inFlight > 0) this.#retired.add(upstream)
    }
    this.#serveQueue()
  }

  take(avoid?: Upstream): Upstream | undefined {
    const upstream = this.#balancer.pick(this.#listed, this.#clock.nowMs(), avoid)
    upstream?.enter()
    return upstream
  }

  giveBack(upstream: Upstream): void {
    upstream.leave()
    if (this.#retired.size > 0 && upstream.inFlight === 0) this.#retired.delete(upstream)
    if (this.#queue.size > 0) this.#serveQueue()
  }

  wait(waiter: Waiter): boolean {
    if (this.#queue.size >= QUEUE_MAX) return false
    this.#queue.add(waiter)
    this.metrics.queued = this.#queue.size
    return true
  }

  stopWaiting(waiter: Waiter): void {
    this.#queue.delete(waiter)
    this.metrics.queued = this.#queue.size
  }

  find(id: string): readonly Upstream[] {
    return [...this.#listed, ...this.#retired].filter((upstream) => upstream.id === id)
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.#listed, ...this.#retired].map((upstream) => upstream.destroy()))
  }

  #serveQueue(): void {
    for (const waiter of this.#queue) {
      const upstream = this.isEmpty ? undefined : this.take()
      if (upstream === undefined && !this.isEmpty) return
      this.stopWaiting(waiter)
      if (upstream === undefined) waiter.onNobody()
      else waiter.onTurn(upstream)
    }
  }

  #meanLatencyMs(): number {
    const nowMs = this.#clock.nowMs()
    const sum = this.#listed.reduce((total, upstream) => total + upstream.latencyMs(nowMs), 0)
    return this.#listed.length === 0 ? 0 : sum / this.#listed.length
  }
}

function keyOf(endpoint: Endpoint): string {
  return `${endpoint.id} ${endpoint.host} ${endpoint.port}`
}
