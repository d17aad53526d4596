import type { IncomingMessage } from 'node:http'
import { expect, it } from 'vitest'
import { balanceKeyOf } from '../../../src/gateway/balancing/balance-key.ts'
import { hash32 } from '../../../src/gateway/balancing/hash32.ts'

function request(headers: IncomingMessage['headers'], remoteAddress = '10.0.0.1'): IncomingMessage {
  return { headers, socket: { remoteAddress } } as unknown as IncomingMessage
}

it('needs no key for anything but a ring hash', () => {
  expect(balanceKeyOf({ by: 'peak-ewma' })).toBeUndefined()
  expect(balanceKeyOf({ by: 'round-robin' })).toBeUndefined()
})

it('goes by the address of the client', () => {
  expect(balanceKeyOf({ by: 'ring-hash', key: 'client' })!(request({}))).toBe(hash32('10.0.0.1'))
})

it('goes by a header, and has no key without it', () => {
  const keyOf = balanceKeyOf({ by: 'ring-hash', key: { header: 'x-user' } })!
  expect(keyOf(request({ 'x-user': '7' }))).toBe(hash32('7'))
  expect(keyOf(request({ 'x-user': '' }))).toBeUndefined()
  expect(keyOf(request({}))).toBeUndefined()
})

it.each([
  ['session=abc', 'abc'],
  ['a=1; session=abc; b=2', 'abc'],
  ['a=1;session = abc ', 'abc'],
  ['xsession=1; session=a=b', 'a=b'],
  ['session=first; session=second', 'first'],
])('goes by the cookie in %j', (cookie, value) => {
  expect(balanceKeyOf({ by: 'ring-hash', key: { cookie: 'session' } })!(request({ cookie }))).toBe(hash32(value))
})

it.each([undefined, '', 'session', 'session=', 'sessions=1', '=session'])(
  'has no key with the cookies %j',
  (cookie) => {
    const headers = cookie === undefined ? {} : { cookie }
    expect(balanceKeyOf({ by: 'ring-hash', key: { cookie: 'session' } })!(request(headers))).toBeUndefined()
  },
)
