import { describe, expect, it } from 'vitest'
import type { ForwardedHead } from '../../../src/gateway/exchange/request-headers.ts'
import { forwardHead, isRefused, originForm } from '../../../src/gateway/exchange/request-headers.ts'
import { responseHeaders } from '../../../src/gateway/exchange/response-headers.ts'

const origin = {
  httpVersion: '1.1',
  remoteAddress: '10.0.0.7',
  isKept: () => false,
  protocol: 'http',
  headersMax: 20,
} as const

function forwarded(rawHeaders: readonly string[], httpVersion = '1.1'): ForwardedHead {
  const head = forwardHead(rawHeaders, { ...origin, httpVersion })
  if (isRefused(head)) throw new Error(head.reason)
  return head
}

/** Values of a header, whatever its spelling. */
function valuesOf(head: ForwardedHead, name: string): string[] {
  return head.headers.filter((_, i) => i % 2 === 1 && head.headers[i - 1]!.toLowerCase() === name)
}

describe('forwardHead', () => {
  it('passes end-to-end headers on, with their spelling and order', () => {
    const head = forwarded(['Host', 'a', 'X-One', '1', 'Cookie', 'c', 'x-one', '2'])
    expect(head.headers.slice(0, 6)).toEqual(['X-One', '1', 'Cookie', 'c', 'x-one', '2'])
  })

  it.each([
    'Connection',
    'Keep-Alive',
    'Proxy-Connection',
    'Proxy-Authorization',
    'TE',
    'Trailer',
    'Upgrade',
    'Expect',
    'HTTP2-Settings',
    'Forwarded',
  ])('drops %s', (name) => {
    expect(valuesOf(forwarded(['Host', 'a', name, 'x']), name.toLowerCase())).toEqual([])
  })

  it('drops what Connection nominates, in any spelling, but never framing or routing', () => {
    const head = forwarded([
      'Host',
      'a',
      'X-Auth',
      's',
      'Connection',
      'close, X-AUTH',
      'Connection',
      'Host, Content-Length',
      'Content-Length',
      '3',
    ])
    expect(valuesOf(head, 'x-auth')).toEqual([])
    expect(valuesOf(head, 'host')).toEqual(['a'])
    expect(valuesOf(head, 'content-length')).toEqual(['3'])
  })

  it('overwrites where the request says it comes from, also in the spelling that CGI mixes up', () => {
    const head = forwarded([
      'Host',
      'a',
      'X-Forwarded-For',
      '1.1.1.1',
      'X_Forwarded_For',
      '2.2.2.2',
      'x-forwarded-proto',
      'https',
      'X-Real-IP',
      '3.3.3.3',
      'X-Forwarded-Host',
      'evil',
      'Content_Length',
      '9',
      'X_Own',
      'stays',
    ])
    expect(valuesOf(head, 'x-forwarded-for')).toEqual(['10.0.0.7'])
    expect(valuesOf(head, 'x-forwarded-host')).toEqual(['a'])
    expect(valuesOf(head, 'x-forwarded-proto')).toEqual(['http'])
    for (const gone of ['x_forwarded_for', 'x-real-ip', 'content_length']) expect(valuesOf(head, gone)).toEqual([])
    expect(valuesOf(head, 'x_own')).toEqual(['stays'])
  })

  it('keeps a well-formed request id and makes one otherwise', () => {
    expect(forwarded(['Host', 'a', 'X-Request-Id', 'abc-1.2_3']).requestId).toBe('abc-1.2_3')
    for (const bad of ['', 'a b', 'a"b', 'x'.repeat(129), 'a;b']) {
      const head = forwarded(['Host', 'a', 'X-Request-Id', bad])
      expect(head.requestId).toMatch(/^[0-9a-f-]{36}$/)
      expect(valuesOf(head, 'x-request-id')).toEqual([head.requestId])
    }
  })

  it('tells a body by its framing', () => {
    expect(forwarded(['Host', 'a']).hasBody).toBe(false)
    expect(forwarded(['Host', 'a', 'Content-Length', '0']).hasBody).toBe(false)
    expect(forwarded(['Host', 'a', 'Content-Length', '1']).hasBody).toBe(true)
    const chunked = forwarded(['Host', 'a', 'Transfer-Encoding', 'Chunked'])
    expect(chunked.hasBody).toBe(true)
    expect(valuesOf(chunked, 'transfer-encoding')).toEqual([])
  })

  it.each([
    ['two Hosts', ['Host', 'a', 'Host', 'b'], '1.1', 400],
    ['two equal Hosts', ['Host', 'a', 'host', 'a'], '1.1', 400],
    ['identity before chunked', ['Host', 'a', 'Transfer-Encoding', 'identity, chunked'], '1.1', 400],
    ['gzip before chunked', ['Host', 'a', 'Transfer-Encoding', 'gzip, chunked'], '1.1', 400],
    ['an encoding on HTTP/1.0', ['Host', 'a', 'Transfer-Encoding', 'chunked'], '1.0', 400],
    ['too many headers', Array.from({ length: 21 }, (_, i) => [`x-${i}`, 'v']).flat(), '1.1', 431],
  ])('refuses %s', (_name, rawHeaders, httpVersion, status) => {
    expect(forwardHead(rawHeaders, { ...origin, httpVersion })).toMatchObject({ status })
  })
})

describe('originForm', () => {
  it('takes scheme and host off when they are those of the Host header', () => {
    expect(originForm('/a?b', 'h')).toBe('/a?b')
    expect(originForm('http://H:80/a?b', 'h:80')).toBe('/a?b')
    expect(originForm('http://h', 'h')).toBe('/')
    expect(originForm('http://h?q', 'h')).toBe('/?q')
  })

  it.each([
    ['http://evil/x', 'a'],
    ['http://a@evil/x', 'a'],
    ['http://evil@a/x', 'a'],
    ['*', 'a'],
    ['a:80', 'a'],
    ['ftp://a/x', 'a'],
    ['http://a.evil/x', 'a'],
  ])('refuses %s under Host %s', (target, host) => {
    expect(originForm(target, host)).toBeUndefined()
  })
})

describe('responseHeaders', () => {
  it('keeps what is end to end, several of a name as several', () => {
    const headers = responseHeaders({ 'set-cookie': ['a', 'b'], etag: 'e', 'content-length': '5' }, 200, 'id')
    expect(headers).toEqual({ 'x-request-id': 'id', 'set-cookie': ['a', 'b'], etag: 'e', 'content-length': '5' })
  })

  it('drops hop-by-hop headers and those that Connection nominates', () => {
    const upstream = {
      connection: 'X-Hop, close',
      'x-hop': '1',
      'keep-alive': 'timeout=5',
      'transfer-encoding': 'chunked',
      upgrade: 'h2c',
      trailer: 'x',
      vary: 'v',
    }
    expect(responseHeaders(upstream, 200, 'id')).toEqual({ 'x-request-id': 'id', vary: 'v' })
  })

  it('lets no instance choose the id of the request', () => {
    expect(responseHeaders({ 'x-request-id': 'other' }, 200, 'id')).toEqual({ 'x-request-id': 'id' })
  })

  it('gives a 204 no length, and leaves a 304 its own', () => {
    expect(responseHeaders({ 'content-length': '0' }, 204, 'id')).toEqual({ 'x-request-id': 'id' })
    expect(responseHeaders({ 'content-length': '9' }, 304, 'id')).toMatchObject({ 'content-length': '9' })
  })

  it('is not led astray by a header called __proto__', () => {
    const upstream = Object.fromEntries([
      ['__proto__', ['x']],
      ['a', '1'],
    ]) as Record<string, string>
    const headers = responseHeaders(upstream, 200, 'id')
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype)
    expect(headers).toEqual({ 'x-request-id': 'id', a: '1' })
  })
})
