import { uniqueId } from '../../core/random.ts'
import { parseRequestTimeout } from '../../core/request-timeout.ts'
import { formatTraceparent } from '../../core/trace-context.ts'
import { headerRule } from './header-rules.ts'
import type { RequestTrace } from './request-trace.ts'
import { requestTrace } from './request-trace.ts'

/** What is known of the connection that a request came on. */
export interface RequestOrigin {
  readonly httpVersion: string
  /** Address of the peer. */
  readonly remoteAddress: string
  /** How it came to us. */
  readonly protocol: 'http' | 'https'
  /** So many headers at most. */
  readonly headersMax: number
  /** Whether a trace that begins with it is kept. */
  readonly isKept: (traceId: string) => boolean
}

/** The head of a request as it goes to an instance. */
export interface ForwardedHead {
  /** Names and values in turn. Holds exactly one Host, at most one Content-Length, and nothing hop-by-hop. */
  readonly headers: string[]
  /** Whether a body follows, by its framing alone: a GET may have one, a POST none. */
  readonly hasBody: boolean
  readonly requestId: string
  /** The trace that the request belongs to; its header is the last of `headers`. */
  readonly trace: RequestTrace
  /** How long the sender says that it waits for the answer; its header is not among `headers`. */
  readonly timeoutMs: number | undefined
  /** Host as the client sent it; empty where HTTP/1.0 left it out. */
  readonly host: string
}

/** Why a request is refused before it is looked at further. The connection is closed: its framing can't be trusted. */
export interface HeadRefusal {
  readonly status: 400 | 431
  readonly reason: string
}

/**
 * The head to forward, made from the header list as it arrived. Node's parser has refused by now: two lengths, a length
 * with an encoding, folded lines, control characters. What it lets through is refused here: two Hosts, any encoding but
 * `chunked`, an encoding on HTTP/1.0.
 */
export function forwardHead(rawHeaders: readonly string[], origin: RequestOrigin): ForwardedHead | HeadRefusal {
  const { headersMax } = origin
  if (rawHeaders.length > 2 * headersMax) return { status: 431, reason: `expected at most ${headersMax} headers` }
  // Without a version it is HTTP/0.9, which has no headers, though the parser reads some.
  if (origin.httpVersion !== '1.1' && origin.httpVersion !== '1.0') return refuse('expected HTTP/1.1 or HTTP/1.0')
  const nominated = nominatedByConnection(rawHeaders)
  const headers: string[] = []
  let host: string | undefined
  let requestId: string | undefined
  let traceparent: string | undefined
  let tracestate: string | undefined
  let timeoutMs: number | undefined
  let hasBody = false
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    const value = rawHeaders[i + 1] as string
    const rule = headerRule(name)
    if (rule === 'pass') {
      if (nominated === undefined || !nominated.has(name.toLowerCase())) headers.push(name, value)
    } else if (rule === 'host') {
      if (host !== undefined) return refuse('expected one Host header, got two')
      if (!isHost(value)) return refuse('expected a Host header with a host and a port at most')
      host = value
    } else if (rule === 'content-length') {
      // `Content-Length: 0` is passed on, so that a POST without a body stays one.
      hasBody = Number(value) > 0
      headers.push('content-length', value)
    } else if (rule === 'transfer-encoding') {
      if (value.trim().toLowerCase() !== 'chunked') return refuse('expected Transfer-Encoding to be chunked')
      if (origin.httpVersion === '1.0') return refuse('expected no Transfer-Encoding in HTTP/1.0')
      hasBody = true
    } else if (rule === 'request-id') {
      requestId ??= isRequestId(value) ? value : undefined
    } else if (rule === 'traceparent') {
      // Two of them are none.
      traceparent = traceparent === undefined ? value : ''
    } else if (rule === 'tracestate') {
      tracestate = tracestate === undefined ? value : `${tracestate},${value}`
    } else if (rule === 'request-timeout') {
      timeoutMs ??= parseRequestTimeout(value)
    }
  }
  if (host === undefined && origin.httpVersion !== '1.0') return refuse('expected a Host header, got none')
  const ownRequestId = requestId === undefined ? uniqueId() : undefined
  requestId ??= ownRequestId as string
  const trace = requestTrace(traceparent, ownRequestId, origin.isKept)
  if (host !== undefined && host !== '') headers.push('host', host, 'x-forwarded-host', host)
  headers.push('x-forwarded-for', origin.remoteAddress, 'x-forwarded-proto', origin.protocol, 'x-request-id', requestId)
  // What other tools say of a trace holds only for the trace that they know.
  if (tracestate !== undefined && trace.parentSpanId !== undefined) headers.push('tracestate', tracestate)
  headers.push('traceparent', formatTraceparent(trace))
  return { headers, hasBody, requestId, trace, timeoutMs, host: host ?? '' }
}

/** Whether a head was refused. */
export function isRefused(head: ForwardedHead | HeadRefusal): head is HeadRefusal {
  return 'status' in head
}

/**
 * A target in absolute form (`GET http://host/path`) with its scheme and host taken off; it has to name the same host
 * as the Host header. Undefined: refused.
 */
export function originForm(target: string, host: string): string | undefined {
  if (target.startsWith('/')) return target
  const match = /^https?:\/\/([^/?#@]*)((?:[/?].*)?)$/is.exec(target)
  if (match === null || (match[1] as string).toLowerCase() !== host.toLowerCase()) return undefined
  const rest = match[2] as string
  return rest.startsWith('/') ? rest : `/${rest}`
}

/**
 * Headers that the client's Connection header makes hop-by-hop too, or undefined when there are none. Those that frame
 * or route the message are not up for nomination: they have rules of their own, which come first.
 */
function nominatedByConnection(rawHeaders: readonly string[]): Set<string> | undefined {
  let nominated: Set<string> | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (headerRule(rawHeaders[i] as string) !== 'connection') continue
    const value = rawHeaders[i + 1] as string
    if (value === 'keep-alive' || value === 'close' || value === 'Keep-Alive') continue
    nominated ??= new Set()
    for (const name of value.toLowerCase().split(',')) nominated.add(name.trim())
  }
  return nominated
}

let lastHost = ''

/** A host as RFC 3986 3.2.2 has it, and a port, or nothing at all; most requests have the one of the request before. */
function isHost(value: string): boolean {
  if (value === lastHost) return true
  if (!/^(?:[\w.~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/.test(value)) return false
  lastHost = value
  return true
}

function refuse(reason: string): HeadRefusal {
  return { status: 400, reason }
}

function isRequestId(value: string): boolean {
  return /^[A-Za-z0-9._-]{1,128}$/.test(value)
}
