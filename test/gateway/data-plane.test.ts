import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { accessFrame } from '../../src/gateway/measurements/access-frame.ts'
import type { Answer } from './data-plane-for-tests.ts'
import { errorCodeOf, holding, named, send, sendRaw, startBackend, startDataPlane } from './data-plane-for-tests.ts'

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const backend = await named('gone')
  await backend[Symbol.asyncDispose]()
  return backend.port
}

describe('the data plane', () => {
  it('answers an error of its own as JSON, with the id of the request', async () => {
    await using plane = await startDataPlane([])
    const answer = await send(plane.port, '/x', { headers: { 'x-request-id': 'my-id' } })
    expect(answer).toMatchObject({
      status: 503,
      headers: { 'content-type': 'application/json', 'retry-after': '1', 'x-request-id': 'my-id' },
    })
    expect(JSON.parse(answer.text)).toEqual({
      error: {
        code: 'no_ready_instance',
        message: 'expected api to have a ready instance, got none',
        requestId: 'my-id',
      },
    })
  })

  it('answers 404 where no route leads', async () => {
    await using plane = await startDataPlane([])
    plane.configure({ other: { requestTimeoutMs: 1_000, endpoints: [] } })
    const answer = await send(plane.port, '/x')
    expect([answer.status, errorCodeOf(answer.text)]).toEqual([404, 'no_route'])
    const inside = await send(plane.internalPort, '/nobody/x')
    expect([inside.status, errorCodeOf(inside.text)]).toEqual([404, 'no_route'])
  })

  it('lets services call each other by name, with the name taken off', async () => {
    await using backend = await startBackend('api-1', (request, response) => response.end(request.url))
    await using plane = await startDataPlane([backend.endpoint])
    expect((await send(plane.internalPort, '/api/a/b?c=1')).text).toBe('/a/b?c=1')
    expect((await send(plane.internalPort, '/api')).text).toBe('/')
  })

  it('sends a request that was refused a connection to another instance, with its body', async () => {
    await using backend = await startBackend('api-2', (request, response) => request.pipe(response))
    const dead = { id: 'api-1', host: '127.0.0.1', port: await closedPort() }
    await using plane = await startDataPlane([dead, backend.endpoint])
    const answers: Answer[] = []
    for (let i = 0; i < 20; i++) answers.push(await send(plane.port, '/', { method: 'POST', body: `body ${i}` }))
    expect(answers.map(({ status, text }) => `${status} ${text}`)).toEqual(
      Array.from({ length: 20 }, (_, i) => `200 body ${i}`),
    )
    expect(plane.proxy.services.get('api')!.metrics.retries).toBeGreaterThan(0)
  })

  it('answers 502 when every instance refuses', async () => {
    const port = await closedPort()
    await using plane = await startDataPlane([{ id: 'api-1', host: '127.0.0.1', port }])
    const answer = await send(plane.port, '/')
    expect([answer.status, errorCodeOf(answer.text)]).toEqual([502, 'upstream_failed'])
    expect(answer.text).not.toContain(String(port))
  })

  it('repeats a GET that met a connection closed as idle, and does not repeat a POST', async () => {
    // Answers the first request of each connection and resets the connection at the second one.
    const server = createTcpServer((socket) => {
      let requests = 0
      socket.on('error', () => socket.destroy())
      socket.on('data', () => {
        requests += 1
        if (requests === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
        else socket.resetAndDestroy()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    for (const [method, status, retries] of [
      ['GET', 200, 1],
      ['POST', 502, 0],
    ] as const) {
      await using plane = await startDataPlane([{ id: 'api-1', host: '127.0.0.1', port }])
      expect((await send(plane.port, '/')).status).toBe(200)
      expect((await send(plane.port, '/', { method })).status).toBe(status)
      expect(plane.proxy.services.get('api')!.metrics.retries).toBe(retries)
    }
    server.close()
  })

  it('answers 504 when an instance does not begin to answer in time, and gives the place back', async () => {
    await using backend = await holding('api-1')
    await using plane = await startDataPlane([backend.endpoint], { requestTimeoutMs: 100 })
    const answer = await send(plane.port, '/')
    expect([answer.status, errorCodeOf(answer.text)]).toEqual([504, 'upstream_timeout'])
    await plane.idle()
  })

  it('answers 408 when the client stops in the middle of its body', async () => {
    await using backend = await startBackend('api-1', (request, response) => {
      request.resume()
      request.on('end', () => response.end())
    })
    await using plane = await startDataPlane([backend.endpoint], { requestTimeoutMs: 100 })
    const answer = await sendRaw(plane.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc')
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(errorCodeOf(answer)).toBe('request_timeout')
  })

  it('breaks the answer off when the instance does, so that half of it never looks whole', async () => {
    for (const headers of [{ 'content-length': '100' }, {}]) {
      await using backend = await startBackend('api-1', (_request, response) => {
        response.writeHead(200, headers)
        response.write('half', () => response.destroy())
      })
      await using plane = await startDataPlane([backend.endpoint])
      await expect(send(plane.port, '/')).rejects.toMatchObject({ code: 'ECONNRESET' })
    }
  })

  it('ends the request to the instance when the client leaves', async () => {
    await using backend = await holding('api-1')
    await using plane = await startDataPlane([backend.endpoint])
    const leaving = new AbortController()
    const answer = send(plane.port, '/', { signal: leaving.signal })
    await backend.arrived(1)
    const closed = new Promise((resolve) => backend.held[0]!.once('close', resolve))
    leaving.abort()
    await expect(answer).rejects.toThrow('abort')
    await closed
    await plane.idle()
    expect(plane.proxy.services.get('api')!.metrics).toMatchObject({ inFlight: 0, aborted: 1, upstreamFailures: 0 })
  })

  it('forgets pipelined requests whose client has left', async () => {
    await using backend = await holding('api-1')
    await using plane = await startDataPlane([backend.endpoint])
    const socket = connect(plane.port, '127.0.0.1')
    socket.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
    await backend.arrived(2)
    socket.destroy()
    await plane.idle()
    expect(plane.proxy.services.get('api')!.metrics).toMatchObject({ inFlight: 0, aborted: 2 })
  })

  it('queues what finds no room, in order, and refuses more than the queue holds', async () => {
    await using backend = await holding('api-1')
    await using plane = await startDataPlane([backend.endpoint])
    const { metrics } = plane.proxy.services.get('api')!
    const statuses: Promise<number>[] = []
    const sendOne = (): void => void statuses.push(send(plane.port, '/').then(({ status }) => status))
    for (let i = 0; i < 128; i++) sendOne()
    await backend.arrived(128)
    for (let i = 0; i < 1_024; i++) sendOne()
    while (metrics.queued < 1_024) await new Promise((resolve) => setImmediate(resolve))
    const refused = await send(plane.port, '/')
    expect([refused.status, errorCodeOf(refused.text), refused.headers['retry-after']]).toEqual([
      503,
      'queue_full',
      '1',
    ])
    let released = 0
    while (released < 1_152) {
      await backend.arrived(released + 1)
      backend.held[released++]!.end()
    }
    expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]))
    expect(metrics.queued).toBe(0)
  }, 20_000)

  it('tells those who wait that the last instance has left', async () => {
    await using backend = await holding('api-1')
    await using plane = await startDataPlane([backend.endpoint])
    const { metrics } = plane.proxy.services.get('api')!
    const answers = Array.from({ length: 130 }, () => send(plane.port, '/'))
    await backend.arrived(128)
    while (metrics.queued < 2) await new Promise((resolve) => setImmediate(resolve))
    plane.configure({ api: { requestTimeoutMs: 1_000, endpoints: [] } })
    for (const response of backend.held) response.end()
    const statuses = (await Promise.all(answers)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 503)).toHaveLength(2)
  })

  it('finishes what is under way to an instance that leaves, and sends it nothing more', async () => {
    await using leaving = await holding('api-1')
    await using staying = await named('api-2')
    await using plane = await startDataPlane([leaving.endpoint])
    const old = send(plane.port, '/')
    await leaving.arrived(1)
    plane.configure({ api: { requestTimeoutMs: 1_000, endpoints: [staying.endpoint] } })
    for (let i = 0; i < 10; i++) expect((await send(plane.port, '/')).text).toBe('api-2')
    expect(await plane.proxy.drained('api', 'api-1', 20)).toBe(false)
    const drained = plane.proxy.drained('api', 'api-1', 5_000)
    leaving.held[0]!.end('finished')
    expect((await old).text).toBe('finished')
    expect(await drained).toBe(true)
    expect(leaving.held).toHaveLength(1)
  })

  it('ignores a configuration older than the one it serves', async () => {
    await using backend = await named('api-1')
    await using plane = await startDataPlane([backend.endpoint])
    const routes = [{ prefix: '/', service: 'api' }]
    const config = (version: number) => ({ version, routes, services: { api: { requestTimeoutMs: 1, endpoints: [] } } })
    expect(plane.proxy.apply(config(0))).toBe(false)
    expect((await send(plane.port, '/')).status).toBe(200)
    expect(plane.proxy.apply(config(9))).toBe(true)
    expect((await send(plane.port, '/')).status).toBe(503)
  })

  it('passes on answers that have no body as they are', async () => {
    await using backend = await startBackend('api-1', (request, response) => {
      if (request.url === '/304') response.writeHead(304, { etag: '"x"' }).end()
      else if (request.url === '/204') response.writeHead(204).end()
      else
        response.writeHead(200, { 'content-length': '12' }).end(request.method === 'HEAD' ? undefined : 'twelve bytes')
    })
    await using plane = await startDataPlane([backend.endpoint])
    expect(await send(plane.port, '/304')).toMatchObject({ status: 304, headers: { etag: '"x"' }, text: '' })
    const empty = await send(plane.port, '/204')
    expect(empty).toMatchObject({ status: 204, text: '' })
    expect(empty.headers['transfer-encoding']).toBeUndefined()
    const head = await send(plane.port, '/', { method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': '12' }, text: '' })
  })

  it('sends 100 Continue only when an instance wants the body', async () => {
    await using backend = await startBackend('api-1', (request, response) => request.pipe(response))
    await using plane = await startDataPlane([backend.endpoint])
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n'
    const socket = connect(plane.port, '127.0.0.1')
    socket.write(`${head}Connection: close\r\n\r\n`)
    const chunks: string[] = []
    for await (const chunk of socket) {
      chunks.push(String(chunk))
      if (chunks.length === 1) socket.write('body')
    }
    expect(chunks[0]).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    expect(chunks.join('')).toMatch(/\r\nbody\r\n0\r\n\r\n$/)
    plane.configure({ api: { requestTimeoutMs: 1_000, endpoints: [] } })
    const refused = await sendRaw(plane.port, `${head}\r\n`)
    expect(refused).toMatch(/^HTTP\/1\.1 503 [\s\S]*connection: close/i)
  })

  it('passes on an answer that comes before the whole question, and serves the connection further', async () => {
    await using backend = await startBackend('api-1', (request, response) => {
      if (request.method === 'POST') response.writeHead(413).end('too large')
      else response.end('next')
    })
    await using plane = await startDataPlane([backend.endpoint])
    const body = 'x'.repeat(300_000)
    const answer = await sendRaw(
      plane.port,
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}` +
        'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    )
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200'])
    expect(answer.endsWith('next')).toBe(true)
  })

  it('passes on early hints', async () => {
    await using backend = await startBackend('api-1', (_request, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' })
      response.end('done')
    })
    await using plane = await startDataPlane([backend.endpoint])
    const answer = await sendRaw(plane.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 103 [^]*style\.css[^]*HTTP\/1\.1 200 [^]*done$/)
  })

  it('counts what it does, by service and status', async () => {
    await using backend = await startBackend('api-1', (request, response) => {
      response.writeHead(Number(request.url!.slice(1))).end()
    })
    await using plane = await startDataPlane([backend.endpoint])
    for (const path of ['/200', '/201', '/404', '/500']) await send(plane.port, path)
    await send(plane.port, '/%00')
    const frame = accessFrame(plane.proxy, 1_000)
    const counts = frame.samples.flatMap((sample) =>
      'histogram' in sample
        ? [[sample.labels!['status_class'], sample.histogram.buckets.reduce((sum, [, count]) => sum + count, 0)]]
        : [],
    )
    expect(counts).toEqual([
      ['2xx', 2],
      ['4xx', 1],
      ['5xx', 1],
    ])
    expect(frame.samples).toContainEqual({
      name: 'tenfold.gateway.refused',
      labels: { reason: 'bad_request' },
      value: 1,
    })
    expect(accessFrame(plane.proxy, 2_000).samples.some((sample) => 'histogram' in sample)).toBe(false)
  })
})

describe('WebSockets', () => {
  const ask = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n'

  it('are joined through, bytes both ways, once the instance has agreed', async () => {
    await using backend = await startBackend('api-1', (_request, response) => response.end())
    backend.server.on('upgrade', (request, socket, head: Buffer) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-key: ${request.headers['sec-websocket-key']}\r\n\r\nhello `,
      )
      socket.write(head)
      socket.pipe(socket)
    })
    await using plane = await startDataPlane([backend.endpoint])
    const socket = connect(plane.port, '127.0.0.1')
    socket.write(`${ask}first `)
    let answer = ''
    for await (const chunk of socket) {
      answer += String(chunk)
      if (answer.endsWith('first ')) socket.end('second')
    }
    expect(answer).toMatch(/^HTTP\/1\.1 101 [^]*x-key: k\r\n\r\nhello first second$/)
    await plane.idle()
  })

  it('do not keep a gateway from leaving', async () => {
    await using backend = await startBackend('api-1', (_request, response) => response.end())
    backend.server.on('upgrade', (_request, socket) => {
      socket.on('error', () => socket.destroy())
      socket.on('end', () => socket.end()).resume()
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
    })
    const plane = await startDataPlane([backend.endpoint])
    const socket = connect(plane.port, '127.0.0.1')
    socket.write(ask)
    await new Promise((resolve) => socket.once('data', resolve))
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.resume()
    plane.proxy.announceStop()
    await closed
    await plane[Symbol.asyncDispose]()
  })

  it('are refused as the instance refuses them, with no way past the gateway left open', async () => {
    await using backend = await startBackend('api-1', (_request, response) => response.writeHead(403).end('no'))
    await using plane = await startDataPlane([backend.endpoint])
    const answer = await sendRaw(plane.port, `${ask}GET /second HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 403 [^]*connection: close/)
    expect(answer.endsWith('no')).toBe(true)
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
  })

  it('get 503 without an instance and 502 from a dead one', async () => {
    await using plane = await startDataPlane([])
    expect(await sendRaw(plane.port, ask)).toMatch(/^HTTP\/1\.1 503 [^]*no_ready_instance/)
    plane.configure({
      api: { requestTimeoutMs: 500, endpoints: [{ id: 'x', host: '127.0.0.1', port: await closedPort() }] },
    })
    expect(await sendRaw(plane.port, ask)).toMatch(/^HTTP\/1\.1 502 [^]*upstream_failed/)
    expect(plane.proxy.services.get('api')!.metrics.inFlight).toBe(0)
  })

  it('are the only upgrade: any other is served as an ordinary request', async () => {
    await using backend = await startBackend('api-1', (request, response) =>
      response.end(`upgrade: ${request.headers.upgrade}`),
    )
    await using plane = await startDataPlane([backend.endpoint])
    const answer = await sendRaw(
      plane.port,
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n',
    )
    expect(answer).toMatch(/upgrade: undefined$/)
  })
})
