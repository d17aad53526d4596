import type { Clock } from '../../src/core/clock.ts'
import { sleep } from '../../src/core/clock.ts'
import type { Random } from '../../src/core/random.ts'
import type { ResolvedTraffic } from '../../src/blueprint/resolved-traffic.ts'
import { DEFAULT_TRAFFIC } from '../../src/blueprint/resolved-traffic.ts'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import type { Balancer } from '../../src/fleet/balancer-port.ts'
import { accessFrame } from '../../src/gateway/measurements/access-frame.ts'
import { createServiceMetrics } from '../../src/gateway/measurements/access-metrics.ts'
import type { HealthChange } from '../../src/gateway/health/service-health.ts'
import type { ServiceUpstreams } from '../../src/gateway/upstream/service-upstreams.ts'
import { createServiceUpstreams } from '../../src/gateway/upstream/service-upstreams.ts'
import type { Upstream } from '../../src/gateway/upstream/upstream.ts'
import type { Waiter } from '../../src/gateway/limits/waiting-queue.ts'
import type { SimulatedProcesses } from './simulated-processes.ts'

const REQUEST_TIMEOUT_MS = 2_000
export const TRAFFIC: ResolvedTraffic = {
  ...DEFAULT_TRAFFIC,
  slowStartMs: 5_000,
  inFlight: { soft: 16, hard: 32 },
  queue: { length: 64, timeoutMs: 1_000 },
  ejection: { after: 5, forMs: 5_000, atMost: 0.34 },
}

/** What became of the requests so far. */
export interface TrafficCounts {
  arrived: number
  answered: number
  failed: number
}

/** The gateway's own decisions about imaginary requests. */
export interface SimulatedTraffic {
  /** What the fleet tells. */
  readonly balancer: Balancer
  readonly upstreams: ServiceUpstreams
  readonly counts: TrafficCounts
  /** One request comes in. */
  arrive(): void
  /** Ends what has been answered by now; to be called often. */
  sweep(): void
  /** Requests under way to a process. */
  inFlightOf(port: number): number
  frame(): MetricFrame
  close(): Promise<void>
}

/** @see createSimulatedTraffic */
export interface TrafficOptions {
  readonly service: string
  readonly clock: Clock
  readonly random: Random
  readonly processes: SimulatedProcesses
  readonly onHealth: (change: HealthChange<Upstream>, upstreams: ServiceUpstreams) => void
  readonly onFailed: (id: string | undefined, why: string) => void
  /** A request is sent. */
  readonly onSent: (upstream: Upstream) => void
}

interface Attempt {
  readonly request: SimulatedRequest
  readonly upstream: Upstream
  readonly startedMs: number
  readonly endsMs: number
  readonly outcome: 'ok' | 'bad' | 'timeout'
}

interface SimulatedRequest {
  readonly arrivedMs: number
  retries: number
}

export function createSimulatedTraffic(options: TrafficOptions): SimulatedTraffic {
  return new Traffic(options)
}

class Traffic implements SimulatedTraffic {
  readonly upstreams: ServiceUpstreams
  readonly counts: TrafficCounts = { arrived: 0, answered: 0, failed: 0 }
  readonly #options: TrafficOptions
  readonly #attempts = new Set<Attempt>()
  readonly #metrics = createServiceMetrics()
  readonly balancer: Balancer

  constructor(options: TrafficOptions) {
    const { service, clock, random, onHealth } = options
    this.#options = options
    this.upstreams = createServiceUpstreams(service, {
      clock,
      random: random.fork('balancer'),
      metrics: this.#metrics,
      probe: () => Promise.resolve(undefined),
      onHealth: (change) => onHealth(change, this.upstreams),
    })
    const way = random.fork('way')
    this.balancer = {
      publish: async (_service, endpoints) => {
        // The way to another process, which may be busy.
        await sleep(clock, way.exponential(20))
        this.upstreams.configure({ requestTimeoutMs: REQUEST_TIMEOUT_MS, endpoints, traffic: TRAFFIC })
      },
      drained: async (_service, id, deadlineMs) => {
        const idle = Promise.all(this.upstreams.retired(id).map((upstream) => upstream.idle())).then(() => true)
        return Promise.race([idle, sleep(clock, deadlineMs).then(() => false)])
      },
    }
  }

  arrive(): void {
    const arrivedMs = this.#options.clock.nowMs()
    this.counts.arrived += 1
    this.#metrics.inFlight += 1
    this.upstreams.retryBudget.countRequest(arrivedMs)
    this.#route({ arrivedMs, retries: 0 })
  }

  sweep(): void {
    const nowMs = this.#options.clock.nowMs()
    for (const attempt of this.#attempts) {
      const isCut = this.#options.processes.at(attempt.upstream.endpoint.port) === undefined
      if (isCut) this.#end(attempt, 'cut')
      else if (attempt.endsMs <= nowMs) this.#end(attempt, attempt.outcome)
    }
    this.upstreams.sweep(nowMs)
  }

  inFlightOf(port: number): number {
    return [...this.#attempts].filter(({ upstream }) => upstream.endpoint.port === port).length
  }

  frame(): MetricFrame {
    const services = new Map([[this.#options.service, this.upstreams]])
    return accessFrame({ services, refused: new Map() }, this.#options.clock.epochMs())
  }

  async close(): Promise<void> {
    for (const { upstream } of this.#attempts) this.upstreams.giveBack(upstream)
    this.#attempts.clear()
    await this.upstreams.destroy()
  }

  #route(request: SimulatedRequest, avoid?: Upstream): void {
    const upstream = this.upstreams.take(avoid)
    if (upstream !== undefined) return this.#send(request, upstream)
    if (this.upstreams.isEmpty) return this.#fail(request, undefined, 'nobody')
    const waiter: Waiter = {
      waitingSinceMs: 0,
      balanceKey: undefined,
      isMatched: false,
      onTurn: (next) => this.#send(request, next),
      onNobody: () => this.#fail(request, undefined, 'nobody'),
      onWaitedTooLong: () => this.#fail(request, undefined, 'waited too long'),
    }
    if (!this.upstreams.wait(waiter)) this.#fail(request, undefined, 'the queue is full')
  }

  #send(request: SimulatedRequest, upstream: Upstream): void {
    const { clock, random, processes, onSent } = this.#options
    onSent(upstream)
    const startedMs = clock.nowMs()
    const server = processes.at(upstream.endpoint.port)
    if (server === undefined) return this.#refused(request, upstream)
    const doneMs = processes.serve(server)
    const isLate = server.isHung || doneMs - startedMs > REQUEST_TIMEOUT_MS
    this.#attempts.add({
      request,
      upstream,
      startedMs,
      endsMs: isLate ? startedMs + REQUEST_TIMEOUT_MS : doneMs,
      outcome: isLate ? 'timeout' : random.next() < server.badShare ? 'bad' : 'ok',
    })
  }

  #refused(request: SimulatedRequest, upstream: Upstream): void {
    upstream.penalise()
    this.upstreams.report(upstream, true)
    this.upstreams.giveBack(upstream)
    const isRepeated = request.retries < 2 && this.upstreams.retryBudget.take(this.#options.clock.nowMs())
    if (!isRepeated) return this.#fail(request, upstream.id, 'refused')
    request.retries += 1
    this.#route(request, upstream)
  }

  #end(attempt: Attempt, outcome: Attempt['outcome'] | 'cut'): void {
    const { request, upstream, startedMs } = attempt
    this.#attempts.delete(attempt)
    if (outcome === 'cut') upstream.penalise()
    else upstream.observe(this.#options.clock.nowMs() - startedMs)
    this.upstreams.report(upstream, outcome !== 'ok')
    this.upstreams.giveBack(upstream)
    if (outcome === 'ok') this.#finish(request, 200)
    else this.#fail(request, upstream.id, outcome)
  }

  #fail(request: SimulatedRequest, id: string | undefined, why: string): void {
    this.#options.onFailed(id, why)
    this.#finish(request, 503)
  }

  #finish({ arrivedMs }: SimulatedRequest, status: number): void {
    this.counts[status === 200 ? 'answered' : 'failed'] += 1
    this.#metrics.inFlight -= 1
    this.#metrics.record(status, this.#options.clock.nowMs() - arrivedMs)
  }
}
