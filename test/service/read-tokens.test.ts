import { describe, expect, test } from 'vitest'
import type { ReadTokens } from '../../src/service/read-tokens.ts'
import { readTokens } from '../../src/service/read-tokens.ts'

function sent(tokens: ReadTokens): [string, string][] {
  const headers: [string, string][] = []
  const set = (name: string, value: string): void => void headers.push([name, value])
  tokens.send({ setHeader: set, appendHeader: set })
  return headers
}

describe('the tokens of a client', () => {
  test('go out in a header and a cookie, and come back by either', () => {
    const tokens = readTokens({ headers: {} })
    expect(tokens.get('orders')).toBeUndefined()
    tokens.add('orders', '3-16B3748')
    tokens.add('catalog', '1-2A0')
    const text = 'orders=3-16B3748&catalog=1-2A0'
    expect(sent(tokens)).toEqual([
      ['x-tenfold-read-after', text],
      ['set-cookie', `tenfold_read_after=${text}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax`],
    ])
    expect(readTokens({ headers: { 'x-tenfold-read-after': text } }).get('catalog')).toBe('1-2A0')
    const cookie = `a=b; tenfold_read_after=${text}; c=d`
    expect(readTokens({ headers: { cookie } }).get('orders')).toBe('3-16B3748')
  })

  test('are the later ones where there are two', () => {
    const headers = { 'x-tenfold-read-after': 'orders=2-FF', cookie: 'tenfold_read_after=orders=3-1' }
    const tokens = readTokens({ headers })
    expect(tokens.get('orders')).toBe('3-1')
    tokens.add('orders', '2-AAAA')
    expect(tokens.get('orders')).toBe('3-1')
  })

  test('that are malformed, or too many, are left out', () => {
    const many = Array.from({ length: 100 }, (_, at) => `d${at}=1-1`).join('&')
    expect(
      readTokens({ headers: { cookie: `tenfold_read_after=orders=x&=&%%%&orders` } }).get('orders'),
    ).toBeUndefined()
    expect(sent(readTokens({ headers: { cookie: `tenfold_read_after=${many}` } }))[0]?.[1].split('&')).toHaveLength(32)
    const long = `orders=1-1&${'x'.repeat(3_000)}`
    expect(readTokens({ headers: { 'x-tenfold-read-after': long } }).get('orders')).toBeUndefined()
  })

  test('are not sent if there are none, and not noted if they are none', () => {
    const tokens = readTokens({ headers: {} })
    expect(sent(tokens)).toEqual([])
    expect(() => tokens.add('orders', 'now')).toThrow(expect.objectContaining({ code: 'TF_OPTION_INVALID' }))
  })
})
