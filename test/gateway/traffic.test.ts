import { describe, expect, it } from 'vitest'
import { DEFAULT_TRAFFIC } from '../../src/blueprint/resolved-traffic.ts'
import type { Answer } from './data-plane-for-tests.ts'
import { errorCodeOf, holding, named, send, startDataPlane } from './data-plane-for-tests.ts'

describe('the balancer of a service', () => {
  it('takes its instances in turn when it is round robin', async () => {
    await using a = await named('api-1')
    await using b = await named('api-2')
    await using plane = await startDataPlane([a.endpoint, b.endpoint], { traffic: { balance: { by: 'round-robin' } } })
    const order: string[] = []
    for (let i = 0; i < 6; i++) order.push((await send(plane.port, '/')).text)
    expect(order).toEqual(['api-1', 'api-2', 'api-1', 'api-2', 'api-1', 'api-2'])
  })

  it.each([
    ['a header', { header: 'x-user' }, { 'x-user': '7' }],
    ['a cookie', { cookie: 'session' }, { cookie: 'a=b; session=7' }],
    ['the client', 'client', {}],
  ] as const)('keeps to one instance by %s', async (_name, key, headers) => {
    await using a = await named('api-1')
    await using b = await named('api-2')
    await using c = await named('api-3')
    const endpoints = [a.endpoint, b.endpoint, c.endpoint]
    await using plane = await startDataPlane(endpoints, { traffic: { balance: { by: 'ring-hash', key } } })
    const answers: string[] = []
    for (let i = 0; i < 10; i++) answers.push((await send(plane.port, '/', { headers })).text)
    expect(new Set(answers).size).toBe(1)
  })

  it('is another one from the next request on when the configuration says so', async () => {
    await using a = await named('api-1')
    await using b = await named('api-2')
    const endpoints = [a.endpoint, b.endpoint]
    await using plane = await startDataPlane(endpoints, { traffic: { balance: { by: 'ring-hash', key: 'client' } } })
    const before = (await send(plane.port, '/')).text
    const traffic = { ...DEFAULT_TRAFFIC, balance: { by: 'round-robin' } } as const
    plane.configure({ api: { requestTimeoutMs: 10_000, endpoints, traffic } })
    const after = [(await send(plane.port, '/')).text, (await send(plane.port, '/')).text]
    expect(['api-1', 'api-2']).toContain(before)
    expect(after.toSorted()).toEqual(['api-1', 'api-2'])
  })
})

describe('limits of an instance', () => {
  it('fills every instance to the soft limit before any goes beyond it', async () => {
    await using a = await holding('api-1')
    await using b = await holding('api-2')
    await using plane = await startDataPlane([a.endpoint, b.endpoint], {
      traffic: { balance: { by: 'ring-hash', key: 'client' }, inFlight: { soft: 2, hard: 8 } },
    })
    const answers = Array.from({ length: 4 }, () => send(plane.port, '/'))
    await Promise.all([a.arrived(2), b.arrived(2)])
    const fifth = send(plane.port, '/')
    await Promise.race([a.arrived(3), b.arrived(3)])
    for (const response of [...a.held, ...b.held]) response.end()
    await Promise.all([...answers, fifth])
  })

  it('has requests beyond the hard limit wait, and lets them through one by one', async () => {
    await using backend = await holding('api-1')
    await using plane = await startDataPlane([backend.endpoint], {
      traffic: { inFlight: { soft: 1, hard: 1 }, queue: { length: 1, timeoutMs: undefined } },
    })
    const first = send(plane.port, '/')
    await backend.arrived(1)
    const second = send(plane.port, '/')
    await expect.poll(() => plane.proxy.services.get('api')!.metrics.queued).toBe(1)
    const third = await send(plane.port, '/')
    expect([third.status, errorCodeOf(third.text), third.headers['retry-after']]).toEqual([503, 'queue_full', '1'])
    backend.held[0]!.end()
    await backend.arrived(2)
    backend.held[1]!.end()
    expect([(await first).status, (await second).status]).toEqual([200, 200])
  })

  it('answers 503 to what has waited too long, and forgets it', async () => {
    await using backend = await holding('api-1')
    await using plane = await startDataPlane([backend.endpoint], {
      traffic: { inFlight: { soft: 1, hard: 1 }, queue: { length: 10, timeoutMs: 100 } },
    })
    const first = send(plane.port, '/')
    await backend.arrived(1)
    const late: Answer = await send(plane.port, '/')
    expect([late.status, errorCodeOf(late.text)]).toEqual([503, 'queue_full'])
    expect(plane.proxy.services.get('api')!.metrics.queued).toBe(0)
    backend.held[0]!.end()
    expect((await first).status).toBe(200)
    expect(backend.held).toHaveLength(1)
  })

  it('lets nothing wait where the queue has no length', async () => {
    await using backend = await holding('api-1')
    await using plane = await startDataPlane([backend.endpoint], {
      traffic: { inFlight: { soft: 1, hard: 1 }, queue: { length: 0, timeoutMs: undefined } },
    })
    const first = send(plane.port, '/')
    await backend.arrived(1)
    expect((await send(plane.port, '/')).status).toBe(503)
    backend.held[0]!.end()
    await first
  })
})

it('gives an instance that joins others a part of its weight, and one that begins with others all of it', async () => {
  await using a = await named('api-1')
  await using b = await named('api-2')
  const slow = { slowStartMs: 3_600_000 }
  await using plane = await startDataPlane([a.endpoint], { traffic: slow })
  const weights = (): number[] => plane.proxy.services.get('api')!.endpoints.map(({ weight }) => weight)
  expect(weights()).toEqual([1])
  const service = { requestTimeoutMs: 10_000, endpoints: [a.endpoint, { ...b.endpoint, weight: 2 }] }
  plane.configure({ api: { ...service, traffic: { ...DEFAULT_TRAFFIC, ...slow } } })
  expect(weights()[0]).toBe(1)
  expect(weights()[1]).toBeCloseTo(0.2, 2)
  plane.configure({ api: service })
  expect(weights()).toEqual([1, 2])
})
