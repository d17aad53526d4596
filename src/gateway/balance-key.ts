import type { IncomingMessage } from 'node:http'
import type { ResolvedBalance } from '../blueprint/resolved-traffic.ts'
import { hash32 } from './hash32.ts'

/** What a ring hash goes by for a request; undefined where it has nothing of the kind. */
export type BalanceKeyOf = (request: IncomingMessage) => number | undefined

/** How to find the key of a request; undefined: no key is needed, so nothing is looked at. */
export function balanceKeyOf(balance: ResolvedBalance): BalanceKeyOf | undefined {
  if (balance.by !== 'ring-hash') return undefined
  const { key } = balance
  if (key === 'client') return ({ socket }) => hashed(socket.remoteAddress)
  if ('header' in key) {
    return ({ headers }) => {
      const value = headers[key.header]
      return hashed(Array.isArray(value) ? value.join() : value)
    }
  }
  return ({ headers }) => hashed(cookieIn(headers.cookie, key.cookie))
}

/** The value of the first cookie of that name in a Cookie header, as it stands there. */
function cookieIn(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const at = pair.indexOf('=')
    if (at !== -1 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}

function hashed(text: string | undefined): number | undefined {
  return text === undefined || text === '' ? undefined : hash32(text)
}
