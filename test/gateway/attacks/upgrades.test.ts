import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { startDataPlane } from '../data-plane-for-tests.ts'
import { sendBytes, startRawUpstream, statusesOf } from './raw-upstream-for-tests.ts'

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
const WEBSOCKET =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

describe('a request to become something else', () => {
  it('opens no way to the instance when the instance refuses', async () => {
    await using upstream = await startRawUpstream({
      answer: ({ target }) => `HTTP/1.1 ${target === '/ws' ? '426 No' : '200 OK'}\r\ncontent-length: 0\r\n\r\n`,
    })
    await using plane = await startDataPlane([upstream.endpoint])
    const answer = await sendBytes(plane.port, `GET /ws HTTP/1.1\r\nHost: a\r\n${WEBSOCKET}\r\n${SMUGGLED}`)
    expect(statusesOf(answer)).toEqual([426])
    expect(upstream.connections.map(({ bytes }) => bytes.includes('smuggled'))).toEqual([false])
  })

  it.each([
    ['h2c', 'GET', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'],
    ['TLS', 'GET', 'Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n'],
    ['several', 'GET', 'Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n'],
    ['a POST', 'POST', `${WEBSOCKET}Content-Length: 0\r\n`],
  ])('is served as it is, as the last of its connection, unless it is a GET for a WebSocket: %s', async (...given) => {
    const [, method, headers] = given
    await using upstream = await startRawUpstream()
    await using plane = await startDataPlane([upstream.endpoint])
    const answer = await sendBytes(plane.port, `${method} /up HTTP/1.1\r\nHost: a\r\n${headers}\r\n${SMUGGLED}`)
    expect(statusesOf(answer)).toEqual([200])
    expect(answer.toLowerCase()).toContain('connection: close')
    const requests = upstream.requests()
    expect(requests.map(({ target }) => target)).toEqual(['/up'])
    expect(requests[0]!.headers.filter(([name]) => ['upgrade', 'http2-settings'].includes(name))).toEqual([])
  })

  it('makes no request of the body of the one behind it, which comes in a later packet', async () => {
    await using upstream = await startRawUpstream()
    await using plane = await startDataPlane([upstream.endpoint])
    const socket = connect({ port: plane.port, host: '127.0.0.1', noDelay: true })
    const closed = once(socket, 'close')
    await once(socket, 'connect')
    const behind = `POST /behind HTTP/1.1\r\nHost: a\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n`
    socket.on('error', () => socket.destroy())
    socket.write(`GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n${behind}`)
    await expect.poll(() => upstream.requests().length, { timeout: 10_000 }).toBe(1)
    socket.write(SMUGGLED)
    socket.resume()
    await closed
    expect(upstream.requests().map(({ target }) => target)).toEqual(['/up'])
  })

  it.each([
    ['two Hosts', `GET /ws HTTP/1.1\r\nHost: a\r\nHost: b\r\n${WEBSOCKET}\r\n`],
    ['a path that climbs out', `GET /../ws HTTP/1.1\r\nHost: a\r\n${WEBSOCKET}\r\n`],
  ])('is held to the same rules: %s', async (_name, text) => {
    await using upstream = await startRawUpstream()
    await using plane = await startDataPlane([upstream.endpoint])
    const answer = await sendBytes(plane.port, text + SMUGGLED)
    expect(statusesOf(answer)).toEqual([400])
    expect(upstream.connections).toEqual([])
  })

  it('with a body has the body belong to nobody else', async () => {
    await using upstream = await startRawUpstream({
      answer: () => 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
    })
    await using plane = await startDataPlane([upstream.endpoint])
    const text = `GET /ws HTTP/1.1\r\nHost: a\r\nContent-Length: ${SMUGGLED.length}\r\n${WEBSOCKET}\r\n${SMUGGLED}`
    await sendBytes(plane.port, text)
    expect(upstream.requests().filter(({ target }) => target === '/smuggled')).toEqual([])
  })
})
