import type { IncomingHttpHeaders } from 'node:http'
import { TenfoldError } from '../core/errors.ts'
import type { ServiceHandle } from './handles.ts'

/** What belongs to the request of a user rather than to one of the calls that it causes. */
const FORWARDED = ['x-request-id', 'traceparent', 'tracestate'] as const

/**
 * A handle on another service. Connections are kept open between calls and shared by all of them.
 *
 * @param url the base URL at the time of the call; undefined when there is none
 */
export function serviceClient(name: string, url: () => string | undefined): ServiceHandle {
  return {
    async fetch(path, init) {
      const base = url()
      if (base === undefined) {
        throw new TenfoldError('TF_BINDINGS_INVALID', `expected an address for ${name} in the bindings, got none`, {
          hint: `list ${name} in the calls of the service and start it again`,
        })
      }
      if (!path.startsWith('/')) {
        throw new TenfoldError('TF_USAGE', `expected a path that starts with /, got ${JSON.stringify(path)}`, {
          hint: `write services.${name}.fetch('/…')`,
        })
      }
      return fetch(`${base.replace(/\/$/, '')}${path}`, init)
    },
  }
}

/**
 * The headers that tie a call to the request that causes it: request id and trace context, where the request has them.
 *
 * @example await services.recommender.fetch('/top', { headers: forwarded(request.headers) })
 */
export function forwarded(headers: IncomingHttpHeaders): Record<string, string> {
  const result: Record<string, string> = {}
  for (const name of FORWARDED) {
    const value = headers[name]
    if (typeof value === 'string') result[name] = value
  }
  return result
}
