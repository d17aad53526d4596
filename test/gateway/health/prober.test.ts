import { expect, it } from 'vitest'
import { seededRandom } from '../../../src/core/random.ts'
import { createProbe } from '../../../src/gateway/health/probe-instance.ts'
import type { Prober } from '../../../src/gateway/health/prober.ts'
import { createProber } from '../../../src/gateway/health/prober.ts'
import type { Patient } from '../../../src/gateway/health/service-health.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { virtualClock } from '../../../src/testing/virtual-clock.ts'
import { startBackend } from '../data-plane-for-tests.ts'

const RULES = { path: '/healthz', intervalMs: 1_000, timeoutMs: 500, failures: 3, successes: 2 }

function patient(id: string): Patient {
  return { id, endpoint: { id, host: '127.0.0.1', port: 1 }, outcomes: { requests: 0, failures: 0, consecutive: 0 } }
}

function bench(answer: (id: string) => Promise<string | undefined>): {
  clock: ReturnType<typeof virtualClock>
  prober: Prober<Patient>
  probed: string[]
} {
  const clock = virtualClock()
  const probed: string[] = []
  const prober = createProber<Patient>({
    clock,
    random: seededRandom(1),
    probe: ({ id }) => answer(id),
    onProbed: ({ id }, failure) => probed.push(`${id} ${failure ?? 'well'}`),
  })
  return { clock, prober, probed }
}

it('asks every instance once an interval, from the first one on', async () => {
  const { clock, prober, probed } = bench((id) => Promise.resolve(id === 'api-2' ? 'no answer' : undefined))
  prober.configure([patient('api-1'), patient('api-2')], RULES)
  await clock.advance('1s')
  expect(probed.toSorted()).toEqual(['api-1 well', 'api-2 no answer'])
  await clock.advance('9s')
  expect(probed).toHaveLength(20)
  prober.stop()
  expect(clock.pending).toBe(0)
})

it('has one probe at a time under way for an instance', async () => {
  let underWay = 0
  const { clock, prober } = bench(() => {
    underWay += 1
    return new Promise(() => undefined)
  })
  prober.configure([patient('api-1')], RULES)
  await clock.advance('1m')
  expect(underWay).toBe(1)
  prober.stop()
})

it('says nothing of an instance that has left while it was asked, and asks it no more', async () => {
  const answers: (() => void)[] = []
  const { clock, prober, probed } = bench(() => new Promise((resolve) => answers.push(() => resolve(undefined))))
  prober.configure([patient('api-1')], RULES)
  await clock.advance('1s')
  prober.configure([], RULES)
  for (const answer of answers) answer()
  await clock.advance('1m')
  expect(probed).toEqual([])
  expect(clock.pending).toBe(0)
})

it('asks nobody without rules', async () => {
  const { clock, prober, probed } = bench(() => Promise.resolve(undefined))
  prober.configure([patient('api-1')], undefined)
  await clock.advance('1m')
  expect([probed, clock.pending]).toEqual([[], 0])
})

it('takes 2xx for well, and says why anything else is not', async () => {
  await using backend = await startBackend('api-1', (request, response) => {
    if (request.url === '/never') return
    response.writeHead(Number(request.url!.slice(1)))
    response.end('x')
  })
  const probe = createProbe(systemClock)
  expect(await probe(backend.endpoint, '/204', 5_000)).toBeUndefined()
  expect(await probe(backend.endpoint, '/302', 5_000)).toBe('/302 answered 302')
  expect(await probe(backend.endpoint, '/503', 5_000)).toBe('/503 answered 503')
  expect(await probe(backend.endpoint, '/never', 50)).toBe('/never did not answer within 50 ms')
  const { endpoint } = backend
  await backend[Symbol.asyncDispose]()
  expect(await probe(endpoint, '/204', 5_000)).toBe('/204: ECONNREFUSED')
})
