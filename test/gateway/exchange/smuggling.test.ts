import type { IncomingMessage } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Backend, DataPlane } from '../data-plane-for-tests.ts'
import { sendRaw, startBackend, startDataPlane } from '../data-plane-for-tests.ts'

interface Seen {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly body: string
}

let backend: Backend
let plane: DataPlane
let seen: Seen[] = []

beforeAll(async () => {
  backend = await startBackend('api-1', (request: IncomingMessage, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')))
    request.on('end', () => {
      seen.push({ method: request.method!, url: request.url!, rawHeaders: request.rawHeaders, body })
      response.end('seen')
    })
  })
  plane = await startDataPlane([backend.endpoint])
})
afterAll(async () => {
  await plane[Symbol.asyncDispose]()
  await backend[Symbol.asyncDispose]()
})
beforeEach(() => {
  seen = []
})

/** Every status line in what came back. */
function statusesOf(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}

const close = 'Connection: close\r\n'

describe('a request whose end or place can be read in two ways', () => {
  it.each([
    [
      'a length and an encoding',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX',
    ],
    ['two equal lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nX'],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nXY'],
    ['chunked before identity', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
    ['identity before chunked', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n'],
    ['an unknown encoding', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
    [
      'two encodings',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['an encoding on HTTP/1.0', 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a space before the colon', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 1\r\n\r\nX'],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n'],
    ['bare line feeds', 'GET / HTTP/1.1\nHost: a\n\n'],
    ['a bare carriage return', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n'],
    ['a NUL', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n'],
    ['a negative length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n'],
    ['a length with a sign', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nX'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['an absolute form with another host', 'GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['an encoded backslash', 'GET /a%5c..%5cb HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['an encoded NUL', 'GET /a%00 HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['dots behind encoded slashes', 'GET /a/..%2f..%2fadmin HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a path above the root', 'GET /../admin HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['the asterisk form', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a raw backslash', 'GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('is refused with %s, and nothing that follows it is served', async (_name, text) => {
    const answer = await sendRaw(plane.port, `${text}GET /second HTTP/1.1\r\nHost: a\r\n${close}\r\n`)
    expect(statusesOf(answer)).toEqual([400])
    expect(answer.toLowerCase()).toContain('connection: close')
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ error: { code: 'bad_request' } })
    expect(seen).toEqual([])
  })

  it.each([
    ['a line feed after the size of a chunk', '1\nX\r\n0\r\n\r\n'],
    ['a line feed in the extension of a chunk', '1;a\nX\r\n0\r\n\r\n'],
    ['a size that is no number', 'zz\r\nX\r\n0\r\n\r\n'],
  ])('is broken off at %s', async (_name, body) => {
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    const answer = await sendRaw(plane.port, `${head}${body}GET /second HTTP/1.1\r\nHost: a\r\n${close}\r\n`)
    expect(statusesOf(answer).filter((status) => status !== 400)).toEqual([])
    expect(seen).toEqual([])
  })

  it('is refused with too many headers or too large ones', async () => {
    const many = Array.from({ length: 150 }, (_, i) => `X-${i}: v\r\n`).join('')
    expect(statusesOf(await sendRaw(plane.port, `GET / HTTP/1.1\r\nHost: a\r\n${many}\r\n`))).toEqual([431])
    const large = `X-Large: ${'v'.repeat(20_000)}\r\n`
    expect(statusesOf(await sendRaw(plane.port, `GET / HTTP/1.1\r\nHost: a\r\n${large}\r\n`))).toEqual([431])
  })

  it('is refused when it expects what we do not know, or asks for a tunnel', async () => {
    expect(statusesOf(await sendRaw(plane.port, `GET / HTTP/1.1\r\nHost: a\r\nExpect: foo\r\n${close}\r\n`))).toEqual([
      417,
    ])
    expect(statusesOf(await sendRaw(plane.port, 'CONNECT evil:80 HTTP/1.1\r\nHost: evil:80\r\n\r\n'))).toEqual([501])
  })
})

describe('what an instance gets to see', () => {
  const headersOf = (name: string): string[] =>
    seen.flatMap(({ rawHeaders }) =>
      rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === name),
    )

  it('is one Host, and no header of the connection', async () => {
    await sendRaw(
      plane.port,
      'GET http://a/x HTTP/1.1\r\nHost: A\r\nX-Auth: s\r\nKeep-Alive: 1\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\n' +
        'Connection: close, X-Auth\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n',
    )
    expect(seen).toMatchObject([{ method: 'GET', url: '/x', body: '' }])
    expect(headersOf('host')).toEqual(['A'])
    for (const name of ['x-auth', 'keep-alive', 'proxy-connection', 'te']) expect(headersOf(name)).toEqual([])
    expect(headersOf('x-forwarded-for')).toEqual(['127.0.0.1'])
    expect(headersOf('connection')).toEqual(['keep-alive'])
  })

  it('is the body of a GET, framed once, and then the next request as another one', async () => {
    const body = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
    const first = `GET /1 HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const answer = await sendRaw(plane.port, `${first}GET /2 HTTP/1.1\r\nHost: a\r\n${close}\r\n`)
    expect(statusesOf(answer)).toEqual([200, 200])
    expect(seen.map(({ url }) => url)).toEqual(['/1', '/2'])
    expect(seen[0]!.body).toBe(body)
    expect(headersOf('content-length')).toEqual([String(body.length)])
    expect(headersOf('transfer-encoding')).toEqual([])
  })

  it('is a chunked body without extensions and trailers', async () => {
    const body = '1;ext=1\r\nX\r\n2\r\nYZ\r\n0\r\nX-Trailer: t\r\n\r\n'
    await sendRaw(
      plane.port,
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n${close}\r\n${body}`,
    )
    expect(seen).toMatchObject([{ method: 'POST', body: 'XYZ' }])
    expect(headersOf('transfer-encoding')).toEqual(['chunked'])
    expect(headersOf('trailer')).toEqual([])
  })

  it('is a POST without a body as one', async () => {
    await sendRaw(plane.port, `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n${close}\r\n`)
    expect(seen).toMatchObject([{ method: 'POST', body: '' }])
    expect(headersOf('content-length')).toEqual(['0'])
  })

  it('is the path that was routed', async () => {
    await sendRaw(plane.port, `GET /a/./b/%2e%2e/%63?x=%2e%2e HTTP/1.1\r\nHost: a\r\n${close}\r\n`)
    expect(seen).toMatchObject([{ url: '/a/c?x=%2e%2e' }])
  })

  it('is HTTP/1.1 also for a client of HTTP/1.0, whose answer ends with the connection', async () => {
    const answer = await sendRaw(plane.port, 'GET /old HTTP/1.0\r\n\r\n')
    expect(statusesOf(answer)).toEqual([200])
    expect(answer.toLowerCase()).not.toContain('transfer-encoding')
    expect(answer.endsWith('seen')).toBe(true)
    expect(headersOf('host')).toHaveLength(1)
  })
})
