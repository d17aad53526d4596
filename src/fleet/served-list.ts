import type { Clock } from '../core/clock.ts'
import { withTimeout } from '../core/clock.ts'
import type { BalancedEndpoint, Balancer } from './balancer-port.ts'
import type { EndpointPublisher } from './endpoint-publisher.ts'
import { createEndpointPublisher } from './endpoint-publisher.ts'

/** @see ServedList */
export interface ServedListOptions {
  readonly service: string
  readonly balancer: Balancer
  readonly clock: Clock
  /** How long requests in flight may take to end when an instance leaves. */
  readonly drainTimeoutMs: () => number
  readonly warn: (message: string) => void
}

const SETTLE_TIMEOUT_MS = 30_000

/** What the balancer is told of one service: who gets requests, and who gets no more of them. */
export class ServedList {
  readonly #options: ServedListOptions
  #publisher: EndpointPublisher | undefined
  #published = '[]'

  constructor(options: ServedListOptions) {
    this.#options = options
  }

  /** From here on the balancer is told; what it has until then, it keeps. */
  open(): void {
    const { service, balancer, clock, warn } = this.#options
    this.#published = '[]'
    this.#publisher = createEndpointPublisher({
      service,
      balancer,
      clock,
      onFailure: (reason) => warn(`the gateway did not take the instances of ${service}: ${reason}`),
    })
  }

  /** Makes this the list, unless it is already. */
  publish(endpoints: readonly BalancedEndpoint[]): void {
    const text = JSON.stringify(endpoints)
    if (text === this.#published) return
    this.#published = text
    this.#publisher?.publish(endpoints)
  }

  /** Resolves when the balancer has the list, or has had a while to take it. */
  async settled(): Promise<void> {
    await this.#publisher?.settled(SETTLE_TIMEOUT_MS)
  }

  /** Resolves when an instance that is not in the list any more has nothing in flight, or has had its time. */
  async drain(id: string, drainingOver: Promise<void>): Promise<void> {
    const { service, balancer, clock, warn } = this.#options
    const drainTimeoutMs = this.#options.drainTimeoutMs()
    const endMs = clock.nowMs() + drainTimeoutMs
    const leave = async (): Promise<boolean> => {
      if ((await this.#publisher?.settled(drainTimeoutMs)) !== true) return false
      return balancer.drained(service, id, Math.max(0, endMs - clock.nowMs()))
    }
    const left = Promise.race([leave(), drainingOver.then(() => false)])
    const isDrained = await withTimeout(clock, drainTimeoutMs, 'requests to end', left).catch(() => false)
    if (!isDrained) warn(`${id} was stopped with requests in flight: they took too long to end`)
  }

  /** Nothing is told any more; the balancer keeps what it has. */
  async close(): Promise<void> {
    await this.#publisher?.close()
  }
}
