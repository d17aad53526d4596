import type { Clock } from '../core/clock.ts'
import type { ExchangeInput } from './exchange.ts'
import type { GatewayConfig } from './gateway-config.ts'
import type { ServiceMetrics } from './access-metrics.ts'
import type { StaticFiles } from './static-files.ts'
import { createStaticFiles } from './static-files.ts'

/** The front ends among the services. */
export interface StaticServices {
  /** Takes over a configuration; what stays the same keeps what it knows of its files. */
  configure(services: GatewayConfig['services']): void
  /** Answers, if the service is one of files; else false, and nothing has happened. */
  serve(service: { readonly name: string; readonly metrics: ServiceMetrics }, asked: StaticAsked): boolean
}

/** A request with its place. */
export interface StaticAsked extends Pick<ExchangeInput, 'request' | 'response'> {
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
        if (service.static === undefined) continue
        const key = JSON.stringify(service.static)
        const before = known.get(name)
        next.set(name, before?.key === key ? before : { key, files: createStaticFiles(service.static) })
      }
      known = next
    },
    serve({ name, metrics }, { request, response, target, requestId, isStopping }) {
      const found = known.get(name)
      if (found === undefined) return false
      const startedMs = clock.nowMs()
      metrics.inFlight += 1
      response.once('close', () => {
        metrics.inFlight -= 1
        if (response.writableFinished) metrics.record(response.statusCode, clock.nowMs() - startedMs)
        else metrics.aborted += 1
      })
      if (isStopping) response.shouldKeepAlive = false
      void found.files.serve(request, response, { target, requestId })
      return true
    },
  }
}
