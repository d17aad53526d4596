import { headerRule } from './header-rules.ts'

/** Headers by lower-case name, as undici gives them; several of one name as an array. */
export type UpstreamHeaders = Readonly<Record<string, string | string[] | undefined>>

/**
 * The headers of an answer as they go to the client: hop-by-hop ones and those that Connection nominates are dropped,
 * the framing is left to Node (it keeps a Content-Length and chunks everything else), and the request's id is added if given.
 * Trailers are not passed on: instances never see a `TE: trailers`, so none may depend on them.
 */
export function responseHeaders(
  upstream: UpstreamHeaders,
  status: number,
  requestId?: string,
): Record<string, string | string[]> {
  const connection = upstream['connection']
  const headers: Record<string, string | string[]> = requestId === undefined ? {} : { 'x-request-id': requestId }
  for (const name in upstream) {
    const value = upstream[name]
    const rule = headerRule(name)
    // What has no body must have no length either (RFC 9110 8.6).
    if (value === undefined || (rule !== 'pass' && (rule !== 'content-length' || status === 204 || status < 200)))
      continue
    headers[name] = value
  }
  if (connection !== undefined && connection !== 'keep-alive' && connection !== 'close') {
    for (const name of String(connection).toLowerCase().split(',')) {
      if (headerRule(name.trim()) === 'pass') delete headers[name.trim()]
    }
  }
  return headers
}
