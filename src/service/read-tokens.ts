import type { IncomingHttpHeaders } from 'node:http'
import type { ReadToken } from '../sql/position.ts'
import { laterToken, parseToken } from '../sql/position.ts'

/** What one client has written or read, by database: so that its next request sees no less, whoever answers it. */
export interface ReadTokens {
  /** For `read({ after })`; undefined if the client brought none for this database. */
  get(database: string): ReadToken | undefined
  /** Notes a token; of two for the same database the later is kept. @throws TF_OPTION_INVALID a token that is none */
  add(database: string, token: ReadToken): void
  /** Gives the tokens to the client, as a header for programs and a cookie for browsers. Call it before the body. */
  send(response: TokenResponse): void
}

/** As much of a response as is needed: that of `node:http`, of Express and of Fastify (`reply.raw`) have it. */
export interface TokenResponse {
  setHeader(name: string, value: string): unknown
  appendHeader(name: string, value: string): unknown
}

/** Header of requests and responses: `orders=3-16B3748&catalog=1-2A0`. */
export const READ_AFTER_HEADER = 'x-tenfold-read-after'
const COOKIE = 'tenfold_read_after'
/** Replicas are never further behind than their lag; after a minute a token says nothing new. */
const COOKIE_SECONDS = 60
const LENGTH_MAX = 2_048
const DATABASES_MAX = 32

/**
 * The tokens that a request brings, in the header or the cookie. What is malformed is left out: it comes from outside, and
 * without it a read is only less fresh.
 *
 * @example
 * const tokens = readTokens(request)
 * const view = databases.orders.read({ after: tokens.get('orders') })
 * // … after a write:
 * tokens.add('orders', await databases.orders.token())
 * tokens.send(response)
 */
export function readTokens(request: { readonly headers: IncomingHttpHeaders }): ReadTokens {
  const tokens = new Map<string, ReadToken>()
  const add = (database: string, token: ReadToken): void => {
    const known = tokens.get(database)
    tokens.set(database, known === undefined ? laterToken(token, token) : laterToken(known, token))
  }
  for (const text of [headerOf(request.headers), cookieOf(request.headers.cookie)]) {
    for (const [database, token] of new URLSearchParams(text)) {
      const isTaken = parseToken(token) !== undefined && (tokens.has(database) || tokens.size < DATABASES_MAX)
      if (isTaken) add(database, token)
    }
  }
  return {
    get: (database) => tokens.get(database),
    add,
    send(response) {
      if (tokens.size === 0) return
      const text = new URLSearchParams([...tokens]).toString()
      response.setHeader(READ_AFTER_HEADER, text)
      response.appendHeader(
        'set-cookie',
        `${COOKIE}=${text}; Path=/; Max-Age=${COOKIE_SECONDS}; HttpOnly; SameSite=Lax`,
      )
    },
  }
}

function headerOf({ [READ_AFTER_HEADER]: value }: IncomingHttpHeaders): string {
  return typeof value === 'string' && value.length <= LENGTH_MAX ? value : ''
}

function cookieOf(cookies: string | undefined): string {
  for (const pair of (cookies ?? '').split(';')) {
    const [name, ...value] = pair.trim().split('=')
    const text = value.join('=')
    if (name === COOKIE && text.length <= LENGTH_MAX) return text
  }
  return ''
}
