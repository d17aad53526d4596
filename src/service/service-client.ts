import type { IncomingHttpHeaders } from 'node:http'
import type { Clock } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import { formatRequestTimeout, parseRequestTimeout, REQUEST_TIMEOUT_HEADER } from '../core/request-timeout.ts'
import type { ServiceHandle } from './handles.ts'
import { READ_AFTER_HEADER } from './read-tokens.ts'
import { requestTimeLeftMs } from './request-deadline.ts'

/** What belongs to the request of a user rather than to one of the calls that it causes. */
const FORWARDED = ['x-request-id', 'traceparent', 'tracestate', REQUEST_TIMEOUT_HEADER, READ_AFTER_HEADER] as const

/**
 * A handle on another service. Connections are kept open between calls and shared by all of them. A call has until the
 * deadline of the request that is being handled to begin its answer, and takes what is left of it along.
 *
 * @param url the base URL at the time of the call; undefined when there is none
 */
export function serviceClient(name: string, url: () => string | undefined, clock: Clock): ServiceHandle {
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
      return fetchInTime(name, `${base.replace(/\/$/, '')}${path}`, init, clock)
    },
  }
}

async function fetchInTime(name: string, url: string, init: RequestInit = {}, clock: Clock): Promise<Response> {
  const headers = new Headers(init.headers)
  const given = parseRequestTimeout(headers.get(REQUEST_TIMEOUT_HEADER) ?? undefined)
  const leftMs = Math.min(requestTimeLeftMs(clock), given ?? Infinity)
  if (leftMs === Infinity) return fetch(url, init)
  if (leftMs <= 0) throw deadlineExceeded(name, 'it was called')
  headers.set(REQUEST_TIMEOUT_HEADER, formatRequestTimeout(leftMs))
  const late = new AbortController()
  // Our own clock, too: the gateway may be what does not answer.
  const cancel = clock.schedule(leftMs, () => late.abort())
  const { signal } = init
  try {
    return await fetch(url, {
      ...init,
      headers,
      signal: AbortSignal.any(signal ? [signal, late.signal] : [late.signal]),
    })
  } catch (error) {
    throw late.signal.aborted && signal?.aborted !== true ? deadlineExceeded(name, 'its answer began') : error
  } finally {
    cancel()
  }
}

function deadlineExceeded(name: string, when: string): TenfoldError {
  return new TenfoldError(
    'TF_DEADLINE_EXCEEDED',
    `expected time to be left for ${name}, but the deadline of the request had passed before ${when}`,
    { hint: 'answer 504; ask sooner, in parallel, or raise the timeout of the service that was asked first' },
  )
}

/**
 * The headers that tie a call to the request that causes it: request id, trace context, deadline and read tokens, where the
 * request has them. Trace and deadline go along by themselves where a `node:http` server handles the request.
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
