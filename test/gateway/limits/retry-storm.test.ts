import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { describe, expect, it } from 'vitest'
import { accessFrame } from '../../../src/gateway/measurements/access-frame.ts'
import { errorCodeOf, send, startDataPlane } from '../data-plane-for-tests.ts'

/** Answers the first request and resets the connections of all others. */
async function failing(): Promise<{ server: Server; port: number; attempts(): number }> {
  let attempts = 0
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', () => {
      attempts += 1
      if (attempts === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      else socket.resetAndDestroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, port: (server.address() as AddressInfo).port, attempts: () => attempts }
}

async function closedPort(): Promise<number> {
  const { server, port } = await failing()
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('retries', () => {
  it('do not multiply the requests to a service whose instances all refuse', async () => {
    const endpoints = [
      { id: 'api-1', host: '127.0.0.1', port: await closedPort() },
      { id: 'api-2', host: '127.0.0.1', port: await closedPort() },
    ]
    await using plane = await startDataPlane(endpoints)
    const answers = await Promise.all(Array.from({ length: 200 }, () => send(plane.port, '/')))
    expect(new Set(answers.map(({ status, text }) => `${status} ${errorCodeOf(text)}`))).toEqual(
      new Set(['502 upstream_failed']),
    )
    const { metrics } = plane.proxy.services.get('api')!
    expect(metrics.retries).toBeGreaterThan(3)
    expect(metrics.retries).toBeLessThanOrEqual(3 + 0.2 * 200)
    expect(metrics.retries + metrics.retriesRefused).toBe(200)
    const told = accessFrame(plane.proxy, 1_000).samples.find(({ name }) => name === 'tenfold.gateway.retries.refused')
    expect(told).toMatchObject({ labels: { service: 'api' }, value: expect.any(Number) })
    expect(metrics.retriesRefused).toBe(0)
  })

  it.each([
    ['GET', 3 + 2],
    ['POST', 0],
  ])('are made once of what may be done twice, and never of anything else: %s', async (method, retriesMax) => {
    const { server, port, attempts } = await failing()
    await using plane = await startDataPlane([{ id: 'api-1', host: '127.0.0.1', port }])
    expect((await send(plane.port, '/')).status).toBe(200)
    for (let i = 0; i < 10; i++) expect((await send(plane.port, '/', { method })).status).toBe(502)
    const { retries } = plane.proxy.services.get('api')!.metrics
    expect(attempts()).toBe(1 + 10 + retries)
    expect(retries).toBe(retriesMax)
    server.close()
  })
})
