import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { forwardHead } from '../../../src/gateway/exchange/request-headers.ts'
import { errorCodeOf, send, sendRaw, startBackend, startDataPlane } from '../data-plane-for-tests.ts'

/** Answers with the time it was given. */
const telling = () =>
  startBackend('api-1', (received, response) => response.end(String(received.headers['x-request-timeout-ms'])))
const silent = () => startBackend('api-1', () => undefined)
const within = (timeoutMs: string) => ({ headers: { 'x-request-timeout-ms': timeoutMs } })

describe('the deadline of a request', () => {
  it('is told to the instance: what is left of the time of the service', async () => {
    await using backend = await telling()
    await using plane = await startDataPlane([backend.endpoint], { requestTimeoutMs: 10_000 })
    const left = Number((await send(plane.port, '/')).text)
    expect(left).toBeGreaterThan(5_000)
    expect(left).toBeLessThanOrEqual(10_000)
  })

  it('can be no one from outside, neither later nor sooner', async () => {
    await using backend = await telling()
    await using plane = await startDataPlane([backend.endpoint], { requestTimeoutMs: 10_000 })
    for (const timeoutMs of ['0', '1', '99999999']) {
      const answer = await send(plane.port, '/', within(timeoutMs))
      expect(answer.status).toBe(200)
      expect(Number(answer.text)).toBeGreaterThan(5_000)
      expect(Number(answer.text)).toBeLessThanOrEqual(10_000)
    }
    const disguised = await send(plane.port, '/', { headers: { x_request_timeout_ms: '1' } })
    expect(Number(disguised.text)).toBeGreaterThan(5_000)
  })

  it('can be sooner for another service, not later', async () => {
    await using backend = await telling()
    await using plane = await startDataPlane([backend.endpoint], { requestTimeoutMs: 10_000 })
    const sooner = Number((await send(plane.internalPort, '/api/', within('4000'))).text)
    expect(sooner).toBeGreaterThan(1_000)
    expect(sooner).toBeLessThanOrEqual(4_000)
    expect(Number((await send(plane.internalPort, '/api/', within('60000'))).text)).toBeLessThanOrEqual(10_000)
    for (const nonsense of ['', '-1', '1e3', 'soon', '1000000000']) {
      expect(Number((await send(plane.internalPort, '/api/', within(nonsense))).text)).toBeGreaterThan(5_000)
    }
  })

  it('ends the request to the instance when it has passed, and is no failure of the service', async () => {
    await using backend = await silent()
    await using plane = await startDataPlane([backend.endpoint], { requestTimeoutMs: 10_000 })
    const answer = await send(plane.internalPort, '/api/', within('50'))
    expect([answer.status, errorCodeOf(answer.text)]).toEqual([504, 'deadline_exceeded'])
    await plane.idle()
    expect(plane.proxy.services.get('api')!.metrics).toMatchObject({ inFlight: 0, upstreamFailures: 0, retries: 0 })
  })

  it('is not moved by an upload that goes on', async () => {
    await using backend = await startBackend('api-1', (received) => received.resume())
    await using plane = await startDataPlane([backend.endpoint], { requestTimeoutMs: 10_000 })
    const { promise: status, resolve } = Promise.withResolvers<number | undefined>()
    const sent = request({
      port: plane.internalPort,
      host: '127.0.0.1',
      path: '/api/',
      method: 'POST',
      headers: { 'x-request-timeout-ms': '200' },
      agent: false,
    })
    sent.on('error', () => undefined)
    sent.on('response', (response) => resolve(response.statusCode))
    const dripping = setInterval(() => sent.write('drop'), 20)
    expect([408, 504]).toContain(await status)
    clearInterval(dripping)
    sent.destroy()
  })

  it('that has passed keeps a request from being sent at all', async () => {
    let arrivals = 0
    await using backend = await startBackend('api-1', (_received, response) => {
      arrivals += 1
      response.end()
    })
    await using plane = await startDataPlane([backend.endpoint])
    const answer = await send(plane.internalPort, '/api/', within('0'))
    expect([answer.status, errorCodeOf(answer.text)]).toEqual([504, 'deadline_exceeded'])
    expect(arrivals).toBe(0)
    expect(plane.proxy.services.get('api')!.metrics.inFlight).toBe(0)
  })

  it('is told once, also when the request is sent a second time', async () => {
    await using gone = await telling()
    const { endpoint } = gone
    await gone[Symbol.asyncDispose]()
    const seen: string[][] = []
    await using backend = await startBackend('api-2', (received, response) => {
      seen.push(received.rawHeaders.filter((_, at, all) => at % 2 === 1 && all[at - 1] === 'x-request-timeout-ms'))
      response.end()
    })
    await using plane = await startDataPlane([{ ...endpoint, id: 'api-1' }, backend.endpoint])
    for (let i = 0; i < 10; i++) await send(plane.port, '/')
    expect(plane.proxy.services.get('api')!.metrics.retries).toBeGreaterThan(0)
    expect(seen.map((values) => values.length)).toEqual(Array.from({ length: 10 }, () => 1))
  })

  it('ends with the caller: another service that leaves ends what it has asked for', async () => {
    const { promise: arrived, resolve } = Promise.withResolvers<void>()
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    await using backend = await startBackend('api-1', (_received, response) => {
      response.once('close', end)
      resolve()
    })
    await using plane = await startDataPlane([backend.endpoint])
    const leaving = new AbortController()
    const answer = send(plane.internalPort, '/api/', { signal: leaving.signal })
    await arrived
    leaving.abort()
    await expect(answer).rejects.toThrow('abort')
    await ended
  })

  it('is taken from the first header of several', () => {
    const head = forwardHead(['Host', 'a', 'X-Request-Timeout-Ms', '5', 'x-request-timeout-ms', '9'], {
      httpVersion: '1.1',
      remoteAddress: '127.0.0.1',
      protocol: 'http',
      headersMax: 100,
      isKept: () => false,
    })
    expect(head).toMatchObject({ timeoutMs: 5 })
    expect(JSON.stringify(head)).not.toContain('equest-timeout')
  })
})

describe('the time-out of a route', () => {
  const ROUTES = [
    { prefix: '/', service: 'api' },
    { prefix: '/slow', service: 'api', requestTimeoutMs: 60_000 },
    { prefix: '/quick', service: 'api', requestTimeoutMs: 50 },
  ]
  const routed = async (backend: Awaited<ReturnType<typeof telling>>) => {
    const plane = await startDataPlane([backend.endpoint])
    const services = { api: { requestTimeoutMs: 10_000, endpoints: [backend.endpoint] } }
    plane.proxy.apply({ version: 100, routes: ROUTES, services })
    return plane
  }

  it('takes the place of that of the service, below the route', async () => {
    await using backend = await telling()
    await using plane = await routed(backend)
    const left = async (path: string): Promise<number> => Number((await send(plane.port, path)).text)
    expect(await left('/slow/1?x=y')).toBeGreaterThan(50_000)
    expect(await left('/slower')).toBeLessThanOrEqual(10_000)
    expect(await left('/')).toBeLessThanOrEqual(10_000)
    // Another service names no route.
    expect(Number((await send(plane.internalPort, '/api/slow')).text)).toBeLessThanOrEqual(10_000)
  })

  it('ends what takes longer, as a failure of the instance', async () => {
    await using backend = await silent()
    await using plane = await routed(backend)
    const answer = await send(plane.port, '/quick')
    expect([answer.status, errorCodeOf(answer.text)]).toEqual([504, 'upstream_timeout'])
    expect(plane.proxy.services.get('api')!.metrics).toMatchObject({ inFlight: 0, upstreamFailures: 1 })
  })

  it('holds for what becomes no WebSocket in time', async () => {
    await using backend = await startBackend('api-1', () => undefined)
    backend.server.on('upgrade', (_request, socket) => socket.resume().once('end', () => socket.destroy()))
    await using plane = await routed(backend)
    const head = 'GET /quick HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    expect(await sendRaw(plane.port, head)).toMatch(/^HTTP\/1\.1 504 /)
  })

  it('changes with the configuration, from the next request on', async () => {
    await using backend = await telling()
    await using plane = await routed(backend)
    const routes = [{ prefix: '/slow', service: 'api' }]
    plane.proxy.apply({ ...plane.proxy.config, version: 101, routes })
    expect(Number((await send(plane.port, '/slow')).text)).toBeLessThanOrEqual(10_000)
  })
})
