import type { IncomingMessage } from 'node:http'
import type { ResolvedRequestKey } from '../../blueprint/resolved-traffic.ts'

/** What tells requests of different users apart; undefined where a request has nothing of the kind. */
export type RequestKeyOf = (request: IncomingMessage) => string | undefined

/** How to find the key of a request. */
export function requestKeyOf(key: ResolvedRequestKey): RequestKeyOf {
  if (key === 'client') return ({ socket }) => socket.remoteAddress
  if ('header' in key) {
    return ({ headers }) => {
      const value = headers[key.header]
      return notEmpty(Array.isArray(value) ? value.join() : value)
    }
  }
  return ({ headers }) => notEmpty(cookieIn(headers.cookie, key.cookie))
}

/** The value of the first cookie of that name in a Cookie header, as it stands there. */
function cookieIn(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const at = pair.indexOf('=')
    if (at !== -1 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}

function notEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
