import { expect, it } from 'vitest'
import { seededRandom } from '../../../../src/core/random.ts'
import { createLeastRequests } from '../../../../src/gateway/balancing/balancers/least-requests.ts'
import { instance } from './instance-for-tests.ts'

it('takes the one with fewer requests under way, however slow it is', () => {
  const balancer = createLeastRequests(seededRandom(1))
  const [slow, fast] = [instance({ latencyMs: 1_000, inFlight: 4 }), instance({ latencyMs: 1, inFlight: 5 })]
  for (let i = 0; i < 50; i++) expect(balancer.pick([slow, fast], 0)).toBe(slow)
})

it('counts what is under way by weight', () => {
  const balancer = createLeastRequests(seededRandom(1))
  const [light, heavy] = [instance({ weight: 1, inFlight: 2 }), instance({ weight: 4, inFlight: 8 })]
  for (let i = 0; i < 50; i++) expect(balancer.pick([light, heavy], 0)).toBe(heavy)
})

it('draws among equals', () => {
  const balancer = createLeastRequests(seededRandom(1))
  const both = [instance(), instance()]
  const picked = new Set(Array.from({ length: 50 }, () => balancer.pick(both, 0)))
  expect(picked.size).toBe(2)
})
