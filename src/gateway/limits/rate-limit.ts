import type { IncomingMessage } from 'node:http'
import type { ResolvedRate } from '../../blueprint/resolved-traffic.ts'
import { hash32 } from '../balancing/hash32.ts'
import { requestKeyOf } from '../exchange/request-key.ts'
import { createTokenBuckets } from './token-buckets.ts'

/** Takes a request from its key's share: 0, or the seconds after which it may come again. */
export type RateLimit = (request: IncomingMessage, nowMs: number) => number

/** Longer keys are told apart by a hash: they are the client's to choose, and they are kept. */
const KEY_MAX = 64

/** The limit on the requests of each client of a service. A request without the key counts for its client's address. */
export function createRateLimit({ key, ...rule }: ResolvedRate): RateLimit {
  const buckets = createTokenBuckets(rule)
  const keyOf = requestKeyOf(key)
  return (request, nowMs) => {
    const text = keyOf(request)
    // Marked, so that nobody passes for an address.
    const name = text === undefined || key === 'client' ? `@${request.socket.remoteAddress}` : `=${short(text)}`
    return Math.ceil(buckets.take(name, nowMs) / 1_000)
  }
}

function short(text: string): string {
  return text.length <= KEY_MAX ? text : `${text.slice(0, KEY_MAX)}#${text.length}#${hash32(text)}`
}
