import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { ResolvedTraffic } from '../../../src/blueprint/resolved-traffic.ts'
import { createShedding } from '../../../src/gateway/limits/shedding.ts'
import type { Backend } from '../data-plane-for-tests.ts'
import { errorCodeOf, send, startBackend, startDataPlane } from '../data-plane-for-tests.ts'

const rule = { header: 'x-priority', low: ['batch', 'prefetch'], share: 0.5 }
const LOW = { 'x-priority': 'batch' }

describe('what is shed', () => {
  it.each([
    ['batch', true],
    [' Prefetch ', true],
    ['high', false],
    ['', false],
    [undefined, false],
  ])('is told by the header: %j', (value, isLow) => {
    const headers = { 'x-priority': value }
    expect(createShedding(rule).isLow({ headers } as unknown as IncomingMessage)).toBe(isLow)
  })

  it.each([
    [{ underWay: 4, waiting: 0, room: 10 }, false],
    [{ underWay: 5, waiting: 0, room: 10 }, true],
    [{ underWay: 0, waiting: 1, room: 10 }, true],
    [{ underWay: 0, waiting: 0, room: 1 }, false],
    [{ underWay: 1, waiting: 0, room: 1 }, true],
  ])('has a share of the room and never waits: %j', (load, isOver) => {
    expect(createShedding(rule).isOver(load)).toBe(isOver)
  })
})

/** A backend whose answers wait. */
async function holding(): Promise<Backend & { held: ServerResponse[] }> {
  const held: ServerResponse[] = []
  const backend = await startBackend('api-1', (_request, response) => void held.push(response))
  return Object.assign(backend, { held })
}

const four: Partial<ResolvedTraffic> = { shed: rule, inFlight: { soft: 4, hard: 4 } }

describe('a service that sheds', () => {
  it('turns what is not urgent away at its share of the places, and takes everything else', async () => {
    await using backend = await holding()
    await using plane = await startDataPlane([backend.endpoint], { traffic: four })
    const admitted = [send(plane.port, '/'), send(plane.port, '/')]
    await expect.poll(() => backend.held.length).toBe(2)
    const shed = await send(plane.port, '/', { headers: LOW, method: 'POST', body: 'x'.repeat(100_000) })
    expect([shed.status, errorCodeOf(shed.text), shed.headers['retry-after']]).toEqual([503, 'shed', '1'])
    expect(backend.held).toHaveLength(2)
    admitted.push(send(plane.port, '/', { headers: { 'x-priority': 'high' } }))
    await expect.poll(() => backend.held.length).toBe(3)
    for (const response of backend.held) response.end()
    expect((await Promise.all(admitted)).map(({ status }) => status)).toEqual([200, 200, 200])
    const calm = send(plane.port, '/', { headers: LOW })
    await expect.poll(() => backend.held.length).toBe(4)
    backend.held[3]!.end()
    expect((await calm).status).toBe(200)
  })

  it('sheds also what comes from other services', async () => {
    await using backend = await holding()
    await using plane = await startDataPlane([backend.endpoint], {
      traffic: { ...four, inFlight: { soft: 1, hard: 1 } },
    })
    const first = send(plane.port, '/')
    await expect.poll(() => backend.held.length).toBe(1)
    expect((await send(plane.internalPort, '/api/', { headers: LOW })).status).toBe(503)
    backend.held[0]!.end()
    await first
  })
})

describe('a service with an adaptive limit', () => {
  it('has what is beyond it wait, and lets it in when there is room', async () => {
    await using backend = await holding()
    await using plane = await startDataPlane([backend.endpoint], { traffic: { adaptive: { start: 2 } } })
    const service = plane.proxy.services.get('api')!
    expect(service.limit).toBe(2)
    const answers = [1, 2, 3].map(() => send(plane.port, '/'))
    await expect.poll(() => service.metrics.queued).toBe(1)
    expect(backend.held).toHaveLength(2)
    backend.held[0]!.end()
    await expect.poll(() => backend.held.length).toBe(3)
    for (const response of backend.held) response.end()
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200])
  })

  it('begins with as much for each instance, and forgets the limit when the option goes', async () => {
    await using a = await holding()
    await using plane = await startDataPlane([a.endpoint, { ...a.endpoint, id: 'api-2' }], {
      traffic: { adaptive: { start: 3 } },
    })
    expect(plane.proxy.services.get('api')!.limit).toBe(6)
    plane.configure({ api: { requestTimeoutMs: 10_000, endpoints: [a.endpoint] } })
    expect(plane.proxy.services.get('api')!.limit).toBeUndefined()
  })
})
