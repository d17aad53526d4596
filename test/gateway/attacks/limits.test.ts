import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import type { Listener } from '../../../src/gateway/listener.ts'
import { openListener } from '../../../src/gateway/listener.ts'
import type { DataPlane } from '../data-plane-for-tests.ts'
import { errorCodeOf, startDataPlane } from '../data-plane-for-tests.ts'
import type { RawUpstream } from './raw-upstream-for-tests.ts'
import { sendBytes, startRawUpstream, statusesOf } from './raw-upstream-for-tests.ts'

let upstream: RawUpstream
let plane: DataPlane
let impatient: Listener

beforeAll(async () => {
  upstream = await startRawUpstream()
  plane = await startDataPlane([upstream.endpoint])
  impatient = await openListener({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    handlers: plane.proxy.entrance('public'),
    connectionsMax: 100,
    patience: { headersMs: 200, requestMs: 400, checkMs: 50 },
  })
})
afterAll(async () => {
  await impatient.close(0)
  await plane[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

/** Sends the first part at once and then one character every 20 ms, until the other side has had enough. */
function dribble(first: string, each: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let answer = ''
  let cancel = (): void => undefined
  // What is written before it is connected would come before the first part.
  const socket = connect(impatient.port, '127.0.0.1', () => {
    socket.write(first)
    cancel = systemClock.every(20, () => void socket.write(each))
  })
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => (answer += chunk))
  socket.on('error', () => socket.destroy())
  socket.once('close', () => {
    cancel()
    resolve(answer)
  })
  return promise
}

describe('a client that takes its time', () => {
  it.each([
    ['with the first line', 'GET /', 'a'],
    ['with its headers', 'GET / HTTP/1.1\r\nHost: a\r\n', 'x: y\r\n'],
    ['with nothing at all', '', ''],
    ['with its body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n', 'x'],
    ['with tiny chunks', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', '1\r\nx\r\n'],
  ])('is cut off in time %s', async (_name, first, each) => {
    const answer = await dribble(first, each)
    expect(statusesOf(answer).filter((status) => status !== 408)).toEqual([])
    expect(upstream.requests()).toEqual([])
  })

  it('keeps nobody else waiting', async () => {
    const slow = Array.from({ length: 30 }, () => dribble('GET / HTTP/1.1\r\nX: ', 'a'))
    const answer = await sendBytes(plane.port, 'GET /quick HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(statusesOf(answer)).toEqual([200])
    await Promise.all(slow)
  })
})

describe('what is too large', () => {
  const close = 'Connection: close\r\n'

  it.each([
    ['a path', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n${close}\r\n`],
    ['a header', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(20_000)}\r\n${close}\r\n`],
    ['a name of a header', `GET / HTTP/1.1\r\nHost: a\r\n${'a'.repeat(20_000)}: x\r\n${close}\r\n`],
    ['a method', `${'A'.repeat(20_000)} / HTTP/1.1\r\nHost: a\r\n${close}\r\n`],
    ['many headers', `GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(101)}${close}\r\n`],
    ['many small headers', `GET / HTTP/1.1\r\nHost: a\r\n${'x:\r\n'.repeat(8_000)}${close}\r\n`],
    ['many cookies', `GET / HTTP/1.1\r\nHost: a\r\nCookie: ${'a=b; '.repeat(5_000)}\r\n${close}\r\n`],
    [
      'a trailer',
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
    ],
    [
      'a chunk extension',
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(20_000)}\r\nx\r\n0\r\n\r\n`,
    ],
  ])('is refused, and no instance gets it whole: %s', async (_name, text) => {
    const before = upstream.requests().length
    const answer = await sendBytes(plane.port, text)
    const statuses = statusesOf(answer)
    expect(statuses.filter((status) => ![400, 413, 431].includes(status))).toEqual([])
    if (statuses[0] === 431) expect(errorCodeOf(answer)).toBe('too_many_headers')
    expect(upstream.requests()).toHaveLength(before)
  })

  it('is nothing below the limits', async () => {
    const before = upstream.requests().length
    const text = `GET /${'a'.repeat(4_000)} HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(90)}${close}\r\n`
    expect(statusesOf(await sendBytes(plane.port, text))).toEqual([200])
    expect(upstream.requests()).toHaveLength(before + 1)
  })
})

describe('limits of the blueprint on the head of a request', () => {
  it.each([
    ['a larger one by size', `X: ${'a'.repeat(3_000)}\r\n`, 200],
    ['one that is larger than that', `X: ${'a'.repeat(5_000)}\r\n`, 431],
    ['as many headers', 'X: y\r\n'.repeat(10), 200],
    ['more headers', 'X: y\r\n'.repeat(13), 431],
  ])('hold: %s', async (_name, headers, status) => {
    await using limited = await startDataPlane([upstream.endpoint], { headers: { bytesMax: 4_096, countMax: 12 } })
    const answer = await sendBytes(limited.port, `GET / HTTP/1.1\r\nHost: a\r\n${headers}Connection: close\r\n\r\n`)
    expect(statusesOf(answer)).toEqual([status])
    if (status === 431) expect(errorCodeOf(answer)).toBe('too_many_headers')
  })
})
