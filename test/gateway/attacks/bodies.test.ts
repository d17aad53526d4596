import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { startDataPlane } from '../data-plane-for-tests.ts'
import { sendBytes, startRawUpstream, statusesOf } from './raw-upstream-for-tests.ts'

describe('a body that the client breaks off', () => {
  it.each([
    ['with a length', 'Content-Length: 100\r\n\r\nhalf'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
    ['in the middle of a chunk', 'Transfer-Encoding: chunked\r\n\r\n20\r\nhalf'],
  ])('is broken off for the instance, never ended: %s', async (_name, rest) => {
    const arrived = Promise.withResolvers<void>()
    await using upstream = await startRawUpstream({ onHead: () => arrived.resolve() })
    await using plane = await startDataPlane([upstream.endpoint])
    const socket = connect(plane.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(`POST /half HTTP/1.1\r\nHost: a\r\n${rest}`)
    await arrived.promise
    socket.resetAndDestroy()
    await expect.poll(() => upstream.connections.every(({ isClosed }) => isClosed), { timeout: 10_000 }).toBe(true)
    expect(upstream.requests()).toEqual([])
    expect(upstream.connections.map(({ bytes }) => bytes.includes('\r\n0\r\n'))).toEqual([false])
  })

  it('that turns malformed is broken off, and answered with nothing that looks like success', async () => {
    await using upstream = await startRawUpstream()
    await using plane = await startDataPlane([upstream.endpoint])
    const text = 'POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n'
    const answer = await sendBytes(plane.port, text)
    expect(statusesOf(answer).filter((status) => status < 400)).toEqual([])
    await expect.poll(() => upstream.connections.every(({ isClosed }) => isClosed), { timeout: 10_000 }).toBe(true)
    expect(upstream.requests()).toEqual([])
  })
})

describe('100 Continue', () => {
  const head = 'POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n'

  it('is not passed to the instance, and a client that does not wait for it is served', async () => {
    await using upstream = await startRawUpstream()
    await using plane = await startDataPlane([upstream.endpoint])
    const answer = await sendBytes(plane.port, `${head}Connection: close\r\n\r\nbody`)
    expect(answer).toContain('HTTP/1.1 100 Continue\r\n\r\n')
    expect(statusesOf(answer)).toEqual([200])
    expect(upstream.requests()).toMatchObject([{ method: 'POST', body: 'body' }])
    expect(upstream.requests()[0]!.headers.filter(([name]) => name === 'expect')).toEqual([])
  })

  it('does not make a request of what is behind a refused one', async () => {
    await using upstream = await startRawUpstream()
    await using plane = await startDataPlane([])
    const answer = await sendBytes(plane.port, `${head}\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect(statusesOf(answer)).toEqual([503])
    expect(answer.toLowerCase()).toContain('connection: close')
    expect(upstream.requests()).toEqual([])
  })

  it.each(['200-ok', 'x', ''])('is all that can be expected: %s', async (expectation) => {
    await using upstream = await startRawUpstream()
    await using plane = await startDataPlane([upstream.endpoint])
    const request = `POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: ${expectation}\r\n\r\n`
    const answer = await sendBytes(plane.port, `${request}bodyGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect(statusesOf(answer).filter((status) => status !== 417)).toEqual([])
    expect(upstream.requests().filter(({ target }) => target === '/smuggled')).toEqual([])
  })
})

describe('pipelining', () => {
  it('answers in order, however the instances answer', async () => {
    let asked = 0
    await using upstream = await startRawUpstream({
      answer: ({ target }, socket) => {
        asked += 1
        const text = `HTTP/1.1 200 OK\r\ncontent-length: ${target.length}\r\n\r\n${target}`
        if (asked > 1) return text
        setImmediate(() => socket.write(text))
        return undefined
      },
    })
    await using plane = await startDataPlane([upstream.endpoint])
    const requests = Array.from(
      { length: 5 },
      (_, i) => `GET /${i} HTTP/1.1\r\nHost: a\r\n${i === 4 ? 'Connection: close\r\n' : ''}\r\n`,
    )
    const answer = await sendBytes(plane.port, requests.join(''))
    expect([...answer.matchAll(/\r\n\r\n(\/\d)/g)].map(([, path]) => path)).toEqual(['/0', '/1', '/2', '/3', '/4'])
  })

  it.each([
    ['in the same packet', '\0\0\0 what is this\r\n\r\n'],
    ['a request with a space in a header name', 'GET /b HTTP/1.1\r\nHost : a\r\n\r\n'],
  ])('answers whole requests before it refuses what is no request behind them: %s', async (_name, rest) => {
    await using upstream = await startRawUpstream({
      answer: ({ target }, socket) => {
        setImmediate(() => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${target.length}\r\n\r\n${target}`))
        return undefined
      },
    })
    await using plane = await startDataPlane([upstream.endpoint])
    const requests = ['/1', '/2'].map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join('')
    const answer = await sendBytes(plane.port, `${requests}${rest}`)
    expect(statusesOf(answer)).toEqual([200, 200, 400])
    expect([...answer.matchAll(/\r\n\r\n(\/\d)/g)].map(([, path]) => path)).toEqual(['/1', '/2'])
  })

  it('carries nothing out behind a request that was refused', async () => {
    await using upstream = await startRawUpstream()
    await using plane = await startDataPlane([upstream.endpoint])
    await sendBytes(plane.port, 'GET /warm HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    for (const refused of [
      'GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
      'GET /a%00 HTTP/1.1\r\nHost: a\r\n\r\n',
      'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n',
      'GET /a HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n',
      'GET /a\r\nHost: a\r\n\r\n',
      'GET /a HTTP/1.1\r\nHost: a b\r\n\r\n',
    ]) {
      const behind = 'POST /behind HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'.repeat(3)
      expect(statusesOf(await sendBytes(plane.port, refused + behind)).every((status) => status >= 400)).toBe(true)
    }
    expect(upstream.requests().map(({ target }) => target)).toEqual(['/warm'])
  })
})
