import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { accessFrame } from '../../../src/gateway/measurements/access-frame.ts'
import type { Backend } from '../data-plane-for-tests.ts'
import { send, startBackend, startDataPlane } from '../data-plane-for-tests.ts'

const answering = (id: string, status = 200): Promise<Backend> =>
  startBackend(id, (_request, response) => {
    response.writeHead(status)
    response.end(id)
  })

/** The ids that get requests. */
const available = (plane: Awaited<ReturnType<typeof startDataPlane>>): string[] =>
  plane.proxy.services.get('api')!.health.available.map(({ id }) => id)

describe('an instance that answers badly', () => {
  it('gets nothing after five answers with 5xx, and says so in a frame', async () => {
    await using good = await answering('api-1')
    await using bad = await answering('api-2', 500)
    await using plane = await startDataPlane([good.endpoint, bad.endpoint], {
      traffic: { balance: { by: 'round-robin' } },
    })
    const statuses: number[] = []
    for (let i = 0; i < 20; i++) statuses.push((await send(plane.port, '/')).status)
    expect(statuses.filter((status) => status === 500)).toHaveLength(5)
    expect(available(plane)).toEqual(['api-1'])
    const { samples } = accessFrame(plane.proxy, 0)
    expect(samples).toContainEqual({
      name: 'tenfold.gateway.ejections',
      labels: { service: 'api', instance: 'api-2', reason: 'consecutive_failures' },
      value: 1,
    })
    expect(samples).toContainEqual({ name: 'tenfold.gateway.instances.out', labels: { service: 'api' }, value: 1 })
    expect(accessFrame(plane.proxy, 0).samples.filter(({ name }) => name.endsWith('ejections'))).toEqual([])
  })

  it('gets nothing after five refused connections, and the clients notice nothing', async () => {
    await using good = await answering('api-1')
    const gone = await answering('api-2')
    await gone[Symbol.asyncDispose]()
    await using plane = await startDataPlane([good.endpoint, gone.endpoint], {
      traffic: { balance: { by: 'round-robin' } },
    })
    for (let i = 0; i < 30; i++) expect((await send(plane.port, '/')).text).toBe('api-1')
    expect(available(plane)).toEqual(['api-1'])
  })

  it('gets nothing after five broken answers', async () => {
    await using good = await answering('api-1')
    const breaking = createTcpServer((socket) => {
      socket.on('error', () => socket.destroy())
      socket.once('data', () => socket.resetAndDestroy())
    })
    await new Promise<void>((resolve) => breaking.listen(0, '127.0.0.1', resolve))
    const { port } = breaking.address() as AddressInfo
    await using plane = await startDataPlane([good.endpoint, { id: 'api-2', host: '127.0.0.1', port }], {
      traffic: { balance: { by: 'round-robin' } },
    })
    for (let i = 0; i < 20; i++) await send(plane.port, '/')
    expect(available(plane)).toEqual(['api-1'])
    breaking.close()
  })

  it('goes on to get requests with 4xx, and where clients leave', async () => {
    await using a = await answering('api-1')
    await using picky = await startBackend('api-2', (request, response) => {
      if (request.url === '/slow') return
      response.writeHead(404)
      response.end()
    })
    await using plane = await startDataPlane([a.endpoint, picky.endpoint], {
      traffic: { balance: { by: 'round-robin' } },
    })
    for (let i = 0; i < 20; i++) await send(plane.port, '/')
    for (let i = 0; i < 20; i++) {
      const leaving = new AbortController()
      const answer = send(plane.port, '/slow', { signal: leaving.signal }).catch(() => undefined)
      await expect.poll(() => plane.proxy.services.get('api')!.metrics.inFlight).toBeLessThanOrEqual(1)
      leaving.abort()
      await answer
    }
    expect(available(plane)).toEqual(['api-1', 'api-2'])
  })
})

it('takes an instance out whose probes fail, and lets waiting requests go on when one comes back', async () => {
  let isWell = false
  await using a = await answering('api-1')
  await using b = await startBackend('api-2', (request, response) => {
    response.writeHead(request.url === '/healthz' && !isWell ? 503 : 200)
    response.end('api-2')
  })
  const probe = { path: '/healthz', intervalMs: 20, timeoutMs: 5_000, failures: 2, successes: 2 }
  await using plane = await startDataPlane([a.endpoint, b.endpoint], { traffic: { probe } })
  await expect.poll(() => available(plane), { timeout: 10_000 }).toEqual(['api-1'])
  isWell = true
  await expect.poll(() => available(plane), { timeout: 10_000 }).toEqual(['api-1', 'api-2'])
})
