import { expect, it } from 'vitest'
import { DEFAULT_TRAFFIC } from '../../../src/blueprint/resolved-traffic.ts'
import { accessFrame } from '../../../src/gateway/measurements/access-frame.ts'
import { errorCodeOf, send, startBackend, startDataPlane } from '../data-plane-for-tests.ts'

const HOUR_MS = 3_600_000
const rate = { requests: 2, perMs: 2 * HOUR_MS, burst: 2, key: { header: 'x-api-key' } } as const

it('answers 429 to who asks for too much, and to nobody else, and not inside', async () => {
  let served = 0
  await using backend = await startBackend('api-1', (_request, response) => {
    served += 1
    response.end('ok')
  })
  await using plane = await startDataPlane([backend.endpoint], { traffic: { rate } })
  const ask = (key: string) => send(plane.port, '/', { headers: { 'x-api-key': key } })
  expect([(await ask('a')).status, (await ask('a')).status]).toEqual([200, 200])
  const refused = await ask('a')
  expect([refused.status, errorCodeOf(refused.text)]).toEqual([429, 'rate_limited'])
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(3_500)
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(3_600)
  expect((await ask('b')).status).toBe(200)
  expect(served).toBe(3)
  for (let i = 0; i < 3; i++) {
    expect((await send(plane.internalPort, '/api/', { headers: { 'x-api-key': 'a' } })).status).toBe(200)
  }
  expect(accessFrame(plane.proxy, 0).samples).toContainEqual({
    name: 'tenfold.gateway.refused',
    labels: { reason: 'rate_limited' },
    value: 1,
  })
})

it('counts a request without the key for its address, which no key can pass for', async () => {
  await using backend = await startBackend('api-1', (_request, response) => response.end('ok'))
  await using plane = await startDataPlane([backend.endpoint], { traffic: { rate } })
  const statuses: number[] = []
  for (let i = 0; i < 3; i++) statuses.push((await send(plane.port, '/')).status)
  expect(statuses).toEqual([200, 200, 429])
  expect((await send(plane.port, '/', { headers: { 'x-api-key': '127.0.0.1' } })).status).toBe(200)
})

it('goes on counting when something else of the service is changed', async () => {
  await using backend = await startBackend('api-1', (_request, response) => response.end('ok'))
  await using plane = await startDataPlane([backend.endpoint], { traffic: { rate } })
  await send(plane.port, '/')
  await send(plane.port, '/')
  const service = { requestTimeoutMs: 5_000, endpoints: [backend.endpoint] }
  plane.configure({ api: { ...service, traffic: { ...DEFAULT_TRAFFIC, rate: { ...rate } } } })
  expect((await send(plane.port, '/')).status).toBe(429)
  plane.configure({ api: service })
  expect((await send(plane.port, '/')).status).toBe(200)
})
