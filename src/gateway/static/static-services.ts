import type { Clock } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import type { ExchangeInput } from '../exchange/exchange.ts'
import type { GatewayConfig } from '../gateway-config.ts'
import type { ServiceMetrics } from '../measurements/access-metrics.ts'
import { answerError } from '../exchange/gateway-response.ts'
import type { StaticFiles } from './static-files.ts'
import { createStaticFiles } from './static-files.ts'

/** The front ends among the services. */
export interface StaticServices {
  /** Takes over a configuration; what stays the same keeps what it knows of its files. */
  configure(services: GatewayConfig['services']): void
  /** Whether a service is one of files. */
  has(service: string): boolean
  /** Answers for a service of files. */
  serve(service: { readonly name: string; readonly metrics: ServiceMetrics }, asked: StaticAsked): void
}

/** A request with its place. */
export interface StaticAsked extends Pick<ExchangeInput, 'request' | 'response' | 'expectsContinue'> {
  readonly target: string
  readonly requestId: string
  /** Whether this answer is the last on its connection. */
  readonly isStopping: boolean
}

export function createStaticServices(clock: Clock): StaticServices {
  let known = new Map<string, { readonly key: string; readonly files: StaticFiles }>()
  return {
    configure(services) {
      const next: typeof known = new Map()
      for (const [name, service] of Object.entries(services)) {
        if (service.files === undefined) continue
        const key = JSON.stringify(service.files)
        const before = known.get(name)
        next.set(name, before?.key === key ? before : { key, files: createStaticFiles(service.files) })
      }
      known = next
    },
    has: (service) => known.has(service),
    serve({ name, metrics }, { request, response, expectsContinue, target, requestId, isStopping }) {
      const { files } = known.get(name)!
      const startedMs = clock.nowMs()
      metrics.inFlight += 1
      response.once('close', () => {
        metrics.inFlight -= 1
        if (response.writableFinished) metrics.record(response.statusCode, clock.nowMs() - startedMs)
        else metrics.aborted += 1
      })
      // What was to come after 100 Continue would be read as the next request.
      if (isStopping || expectsContinue) response.makeLast()
      files.serve(request, response, { target, requestId }).catch((error: unknown) => {
        const message = `expected to read a file of ${name}, got ${messageOf(error)}`
        answerError(response, { status: 500, code: 'file_unreadable', message, requestId })
      })
    },
  }
}
