import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { attackStage } from './attack-stage.ts'
import { expectOneFraming, markedForRun, QUIET_MS, sendBytes, statusesOf } from './raw-upstream-for-tests.ts'
import { readStrictly } from './strict-http-for-tests.ts'

const stage = attackStage()

const eol = fc.oneof(
  { weight: 30, arbitrary: fc.constant('\r\n') },
  fc.constantFrom('\n', '\r', '\r\r\n', '\n\r\n', '\r\n '),
)
const space = fc.oneof(
  { weight: 20, arbitrary: fc.constant(' ') },
  fc.constantFrom('', '  ', '\t', '\x0b', '\0', '\xa0'),
)
const method = fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'get', 'FOO', 'TRACE')
const version = fc.oneof(
  { weight: 20, arbitrary: fc.constant('HTTP/1.1') },
  fc.constantFrom('HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'http/1.1', 'HTTP/1.10', ''),
)
const target = fc.oneof(
  { weight: 10, arbitrary: fc.stringMatching(/^\/[a-z0-9]{1,8}$/) },
  fc.constantFrom(
    '/',
    '//a/b',
    '/a/../b',
    '/%2e%2e/x',
    '/a%2fb',
    '/a?b=c#d',
    'http://a/x',
    'http://b/x',
    '*',
    'a',
    '/\xff',
    '/a;b',
    '/%00',
  ),
)
const body = fc.oneof(
  fc.constant(''),
  fc.stringMatching(/^[a-z]{0,20}$/),
  fc.constantFrom(
    'GET /smuggled HTTP/1.1\r\nHost: a\r\nX-Run: RUN\r\n\r\n',
    '0\r\n\r\n',
    '0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\nX-Run: RUN\r\n\r\n',
  ),
)
const plainHeader = fc
  .tuple(
    fc.constantFrom(
      'X-A',
      'Connection',
      'Expect',
      'TE',
      'Trailer',
      'Keep-Alive',
      'Cookie',
      'X_B',
      'Host',
      '',
      'X A',
      'X-A\0',
    ),
    space,
    fc.constantFrom(
      'b',
      'close',
      'keep-alive',
      '100-continue',
      'Content-Length',
      'Transfer-Encoding, Host',
      'trailers',
      '',
      '\xe4',
      'a\0b',
      'a\tb',
    ),
    eol,
  )
  .map(([name, gap, value, end]) => `${name}:${gap}${value}${end}`)
const upgrade = fc.constantFrom('h2c', 'TLS/1.0').map((to) => `Connection: Upgrade\r\nUpgrade: ${to}\r\n`)
const otherHeader = fc.oneof({ weight: 8, arbitrary: plainHeader }, upgrade)

/** Framing that fits the body, or nearly. */
const framed = fc
  .record({
    body,
    kind: fc.constantFrom('none', 'length', 'length', 'chunked', 'chunked', 'both', 'twice'),
    off: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: -3, max: 3 })),
    colon: fc.oneof({ weight: 12, arbitrary: fc.constant(': ') }, fc.constantFrom(':', ' : ', ':\t', ':  ', ' :')),
    encoding: fc.oneof(
      { weight: 10, arbitrary: fc.constant('chunked') },
      fc.constantFrom(
        'Chunked',
        'chunked, identity',
        'identity, chunked',
        'xchunked',
        'chunked ',
        'gzip, chunked',
        '"chunked"',
      ),
    ),
    extension: fc.oneof({ weight: 8, arbitrary: fc.constant('') }, fc.constantFrom(';a=b', ';a="b"', ' ', ';\n', ';')),
    end: eol,
  })
  .map(({ body, kind, off, colon, encoding, extension, end }) => {
    const size = Math.max(0, body.length + off)
    const length = `Content-Length${colon}${size}${end}`
    const transfer = `Transfer-Encoding${colon}${encoding}${end}`
    const chunks = `${body === '' ? '' : `${size.toString(16)}${extension}${end}${body}\r\n`}0${extension}\r\n\r\n`
    switch (kind) {
      case 'none':
        return { headers: '', body: '' }
      case 'length':
        return { headers: length, body }
      case 'chunked':
        return { headers: transfer, body: chunks }
      case 'both':
        return { headers: length + transfer, body: chunks }
      default:
        return { headers: length + length, body }
    }
  })

const request = fc
  .record({
    method,
    target,
    version,
    gaps: fc.tuple(space, space),
    end: eol,
    host: fc.oneof(
      { weight: 15, arbitrary: fc.constant('Host: a\r\n') },
      fc.constantFrom('', 'Host: a\r\nHost: b\r\n', 'Host : a\r\n'),
    ),
    others: fc.array(otherHeader, { maxLength: 2 }),
    framed,
    blank: eol,
  })
  .map(({ method, target, version, gaps, end, host, others, framed, blank }) =>
    [
      method,
      gaps[0],
      target,
      gaps[1],
      version,
      end,
      host,
      'X-Run: RUN\r\n',
      ...others,
      framed.headers,
      blank,
      framed.body,
    ].join(''),
  )

it('what instances get is what clients have sent, whatever they send', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 12 }),
      async (all, pieces) => {
        const last = `GET /last HTTP/1.1\r\nHost: a\r\nX-Run: RUN\r\nConnection: close\r\n\r\n`
        const { run, marked } = markedForRun([all.join('') + last])
        const text = marked[0]!
        const answer = await sendBytes(stage.port, text, { pieces, quietMs: QUIET_MS })
        const sent = readStrictly(text).requests.map(({ method, body }) => `${method} ${body}`)
        const seen = stage.upstream.requests(run)
        for (const each of seen) {
          expectOneFraming(each)
          const at = sent.indexOf(`${each.method} ${each.body}`)
          expect(at, `${each.method} ${each.target} ${each.body} was not sent`).not.toBe(-1)
          sent.splice(at, 1)
        }
        expect(statusesOf(answer).filter((status) => status === 200).length).toBeLessThanOrEqual(seen.length)
      },
    ),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 300) },
  )
})
