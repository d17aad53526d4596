import type { Clock } from '../core/clock.ts'
import { sleep, withTimeout } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { BalancedEndpoint, Balancer } from './balancer-port.ts'

/** Keeps the balancer's list of one service's endpoints as it should be. */
export interface EndpointPublisher {
  /** Makes this the list, as soon as the balancer takes it; a newer list replaces one that waits. */
  publish(endpoints: readonly BalancedEndpoint[]): void
  /** Whether the balancer has the last list; waits for it until `deadlineMs` have passed. */
  settled(deadlineMs: number): Promise<boolean>
  /** Stops trying; the balancer keeps what it has. Resolves when nothing is under way. */
  close(): Promise<void>
}

export interface EndpointPublisherOptions {
  readonly service: string
  readonly balancer: Balancer
  readonly clock: Clock
  /** Called for the first failure in a row. */
  readonly onFailure: (reason: string) => void
}

const CALL_TIMEOUT_MS = 10_000
const RETRY_FIRST_MS = 100
const RETRY_LONGEST_MS = 2_000

/** One call at a time, repeated until it succeeds, always with the newest list. */
export function createEndpointPublisher(options: EndpointPublisherOptions): EndpointPublisher {
  const { service, balancer, clock } = options
  const closing = new AbortController()
  const closed = new Promise<never>((_resolve, reject) => {
    closing.signal.addEventListener('abort', () => reject(new Error('closed')))
  })
  closed.catch(() => undefined)
  let wanted: readonly BalancedEndpoint[] = []
  let isUpToDate = true
  let running: Promise<void> = Promise.resolve()

  async function run(): Promise<void> {
    let pauseMs = RETRY_FIRST_MS
    while (!isUpToDate && !closing.signal.aborted) {
      const sent = wanted
      try {
        const taken = Promise.race([balancer.publish(service, sent), closed])
        await withTimeout(clock, CALL_TIMEOUT_MS, 'the balancer to take endpoints', taken)
        isUpToDate = wanted === sent
      } catch (error) {
        if (closing.signal.aborted) return
        if (pauseMs === RETRY_FIRST_MS) options.onFailure(messageOf(error))
        await sleep(clock, pauseMs, closing.signal).catch(() => undefined)
        pauseMs = Math.min(pauseMs * 2, RETRY_LONGEST_MS)
      }
    }
  }

  return {
    publish(endpoints) {
      wanted = endpoints
      if (!isUpToDate || closing.signal.aborted) return
      isUpToDate = false
      running = run()
    },
    async settled(deadlineMs) {
      if (!isUpToDate) await withTimeout(clock, deadlineMs, 'the endpoints', running).catch(() => undefined)
      return isUpToDate
    },
    async close() {
      closing.abort()
      await running
    },
  }
}
