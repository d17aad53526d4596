import type { IncomingMessage } from 'node:http'
import type { ResolvedBalance } from '../../blueprint/resolved-traffic.ts'
import { hash32 } from './hash32.ts'
import { requestKeyOf } from '../exchange/request-key.ts'

/** What a ring hash goes by for a request; undefined where it has nothing of the kind. */
export type BalanceKeyOf = (request: IncomingMessage) => number | undefined

/** How to find the key of a request; undefined: no key is needed, so nothing is looked at. */
export function balanceKeyOf(balance: ResolvedBalance): BalanceKeyOf | undefined {
  if (balance.by !== 'ring-hash') return undefined
  const textOf = requestKeyOf(balance.key)
  return (request) => {
    const text = textOf(request)
    return text === undefined ? undefined : hash32(text)
  }
}
