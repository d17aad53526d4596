import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DataPlane } from '../data-plane-for-tests.ts'
import { startDataPlane } from '../data-plane-for-tests.ts'
import type { RawUpstream } from './raw-upstream-for-tests.ts'
import {
  expectOneFraming,
  markedForRun,
  QUIET_MS,
  sendBytes,
  startRawUpstream,
  statusesOf,
} from './raw-upstream-for-tests.ts'
import type { StrictRequest } from './strict-http-for-tests.ts'
import { readStrictly } from './strict-http-for-tests.ts'

let upstream: RawUpstream
let plane: DataPlane

beforeAll(async () => {
  upstream = await startRawUpstream()
  plane = await startDataPlane([upstream.endpoint], { traffic: { ejection: undefined } })
})
afterAll(async () => {
  await plane[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\nConnection: close\r\n\r\n'
const LENGTHS = [
  '',
  'Content-Length: 0',
  'Content-Length: 5',
  `Content-Length: ${5 + SMUGGLED.length}`,
  'content-length: 0\r\nContent-Length: 5',
  'Content-Length: 5\r\nContent-Length: 5',
  'Content-Length: 5, 5',
  'Content-Length: +5',
  'Content-Length: -5',
  'Content-Length: 0x5',
  'Content-Length: 5.0',
  'Content-Length: 5 5',
  'Content-Length:',
  'Content-Length: 99999999999999999999',
  'Content-Length : 5',
  'Content_Length: 5',
  'Content-Length:\t5',
]
const ENCODINGS = [
  '',
  'Transfer-Encoding: chunked',
  'transfer-encoding: CHUNKED',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: chunked ',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding: ,chunked',
  'Transfer-Encoding:',
  'Transfer_Encoding: chunked',
  'X: y\nTransfer-Encoding: chunked',
  'Transfer-Encoding: \x0bchunked',
]

/** Sends each on a connection of its own: what instances saw is what was sent, by the strictest reading. */
async function check(texts: readonly string[], pieces = 1): Promise<void> {
  const { run, marked } = markedForRun(texts)
  const answers = await Promise.all(marked.map((text) => sendBytes(plane.port, text, { pieces, quietMs: QUIET_MS })))
  const text = ({ method, target, body }: StrictRequest): string => `${method} ${target} ${body}`
  const sent = marked.flatMap((each) => readStrictly(each).requests.map(text))
  const seen = upstream.requests(run)
  for (const request of seen) {
    expectOneFraming(request)
    const at = sent.indexOf(text(request))
    expect(at, `${JSON.stringify(text(request))} was not sent with any of ${JSON.stringify(marked)}`).not.toBe(-1)
    sent.splice(at, 1)
  }
  const good = answers.flatMap(statusesOf).filter((status) => status === 200)
  expect(good.length).toBeLessThanOrEqual(seen.length)
}

describe.each(['1.1', '1.0'])('every length with every encoding in HTTP/%s', (version) => {
  it.each(ENCODINGS)('never makes two requests of one: %j', async (encoding) => {
    const all = LENGTHS.flatMap((length) => [
      [length, encoding],
      [encoding, length],
    ]).flatMap((lines) => ['GET', 'POST'].map((method) => [method, lines] as const))
    await check(
      all.map(([method, lines], i) => {
        const head = [
          `${method} /first-${i} HTTP/${version}`,
          'Host: a',
          'X-Run: RUN',
          ...lines.filter((line) => line !== ''),
        ]
        return `${head.join('\r\n')}\r\n\r\n0\r\n\r\n${SMUGGLED}`
      }),
    )
  })
})

describe('chunks', () => {
  const head = 'POST /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'

  it.each([
    '0;\n\r\n\r\n',
    '0\n\r\n',
    '0\r\n\n',
    '0\r\r\n\r\n',
    '1\r\nZZ\r\n0\r\n\r\n',
    '1\r\nZ0\r\n\r\n',
    '1\nZ\r\n0\r\n\r\n',
    '1 \r\nZ\r\n0\r\n\r\n',
    ' 1\r\nZ\r\n0\r\n\r\n',
    '+1\r\nZ\r\n0\r\n\r\n',
    '-1\r\nZ\r\n0\r\n\r\n',
    '0x1\r\nZ\r\n0\r\n\r\n',
    '1_0\r\nZ\r\n0\r\n\r\n',
    '00000000000000000001\r\nZ\r\n0\r\n\r\n',
    '10000000000000001\r\nZ\r\n0\r\n\r\n',
    'ffffffffffffffff\r\nZ\r\n0\r\n\r\n',
    '1;a="\r\n\r\n"\r\nZ\r\n0\r\n\r\n',
    '1;a=b\nZ\r\n0\r\n\r\n',
    '1;\0\r\nZ\r\n0\r\n\r\n',
    '1;a=b;c=d\r\nZ\r\n0\r\n\r\n',
    `1;${'x'.repeat(20_000)}\r\nZ\r\n0\r\n\r\n`,
    '0\r\nContent-Length: 5\r\n\r\n',
    '0\r\nTransfer-Encoding: chunked\r\nHost: b\r\n\r\n',
    '0\r\nX : y\r\n\r\n',
    '0\r\nX: y\r\n z\r\n\r\n',
    '0\r\nX: y\n\r\n',
    '0\r\n: y\r\n\r\n',
    '\r\n0\r\n\r\n',
    '',
  ])('are read as they were sent, or not at all: %j', async (body) => {
    await check([`${head}${body}${SMUGGLED}`])
    await check([`${head}${body}${SMUGGLED}`], 40)
  })
})

describe('a head', () => {
  it.each([
    'GET /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\nHost: b\r\n\r\n',
    'GET /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\nhost: a\r\n\r\n',
    'GET /first HTTP/1.1\r\nHost: a, b\r\n\r\n',
    'GET /first HTTP/1.1\r\nX-Run: RUN\r\nHost:\r\n\r\n',
    'GET /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\nX: y\r\n\tz: 1\r\n\r\n',
    'GET /first HTTP/1.1\r\n Host: a\r\n\r\n',
    'GET /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\n: b\r\n\r\n',
    'GET /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\nno colon\r\n\r\n',
    'GET /first HTTP/1.1\r\nHost: a\rX: y\r\n\r\n',
    'GET /first HTTP/1.1\r\nHost: a\nX: y\r\n\r\n',
    'GET /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\nX: y\r\n\n',
    'GET /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\nX: a\0b\r\n\r\n',
    'GET /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\nX\0: b\r\n\r\n',
    'GET /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\nX: a\x7fb\r\n\r\n',
    'GET /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\nContent-Length: 0\r\nX: a\r\nGET /smuggled HTTP/1.1\r\n\r\n',
    'GET /first HTTP/1.1 HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\n\r\n',
    'GET /first\r\nX-Run: RUN\r\nHost: a\r\n\r\n',
    'GET /first HTTP/0.9\r\n\r\n',
    'GET /first HTTP/2.0\r\nX-Run: RUN\r\nHost: a\r\n\r\n',
    'GET /first HTTP/1.2\r\nX-Run: RUN\r\nHost: a\r\n\r\n',
    'GET /first HTTP/1.1x\r\nX-Run: RUN\r\nHost: a\r\n\r\n',
    'GET  /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\n\r\n',
    'GET\t/first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\n\r\n',
    'GET /first  HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\n\r\n',
    'GET /fi rst HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\n\r\n',
    'G\0T /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\n\r\n',
    'GET /fi\0rst HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\n\r\n',
    'GET http://a/first HTTP/1.1\r\nHost: b\r\n\r\n',
    'GET http://a@b/first HTTP/1.1\r\nHost: b\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
    '\r\n\r\n\r\nGET /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\n\r\n',
    'PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\nGET /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\n\r\n',
  ])('is read as it was sent, or not at all: %j', async (text) => {
    await check([`${text}${SMUGGLED}`])
  })
})
