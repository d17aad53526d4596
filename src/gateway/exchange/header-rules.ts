import { REQUEST_TIMEOUT_HEADER } from '../../core/request-timeout.ts'

/** Headers that belong to one connection (RFC 9110 7.6.1) and those that the gateway always writes itself. */
export type HeaderRule =
  /** Goes on unchanged. */
  | 'pass'
  /** Ends here: hop-by-hop, or overwritten by the gateway. */
  | 'drop'
  | 'host'
  | 'connection'
  | 'content-length'
  | 'transfer-encoding'
  | 'request-id'
  | 'request-timeout'
  | 'traceparent'
  | 'tracestate'

const RULES: ReadonlyMap<string, HeaderRule> = new Map<string, HeaderRule>([
  ['host', 'host'],
  ['connection', 'connection'],
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
  ['x-request-id', 'request-id'],
  [REQUEST_TIMEOUT_HEADER, 'request-timeout'],
  ['traceparent', 'traceparent'],
  ['tracestate', 'tracestate'],
  ['keep-alive', 'drop'],
  ['proxy-connection', 'drop'],
  ['proxy-authenticate', 'drop'],
  ['proxy-authorization', 'drop'],
  ['proxy-authentication-info', 'drop'],
  ['te', 'drop'],
  ['trailer', 'drop'],
  ['upgrade', 'drop'],
  ['http2-settings', 'drop'],
  ['expect', 'drop'],
  // Whoever sends these tells where it would like to come from; the gateway knows.
  ['forwarded', 'drop'],
  ['x-forwarded-for', 'drop'],
  ['x-forwarded-host', 'drop'],
  ['x-forwarded-port', 'drop'],
  ['x-forwarded-proto', 'drop'],
  ['x-forwarded-server', 'drop'],
  ['x-forwarded-prefix', 'drop'],
  ['x-original-url', 'drop'],
  ['x-rewrite-url', 'drop'],
  ['x-real-ip', 'drop'],
  // Not a header anybody needs, and a trap in every object.
  ['__proto__', 'drop'],
])

/** Spellings seen so far: a request then costs one look-up a header, and no new string. */
const memory = new Map<string, HeaderRule>()
const MEMORY_MAX = 1_024

/** The rule for a header as it was spelled. */
export function headerRule(name: string): HeaderRule {
  const known = memory.get(name)
  if (known !== undefined) return known
  const rule = decide(name.toLowerCase())
  if (memory.size < MEMORY_MAX) memory.set(name, rule)
  return rule
}

/**
 * CGI and WSGI can't tell `X_Forwarded_For` from `X-Forwarded-For`: a name with underscores that reads as one we guard
 * is dropped, so that it can't stand in for it.
 */
function decide(name: string): HeaderRule {
  const rule = RULES.get(name)
  if (rule !== undefined) return rule
  if (!name.includes('_')) return 'pass'
  return RULES.has(name.replaceAll('_', '-')) ? 'drop' : 'pass'
}
