import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ResolvedBalance } from '../../../../src/blueprint/resolved-traffic.ts'
import { seededRandom } from '../../../../src/core/random.ts'
import { createBalancer } from '../../../../src/gateway/balancing/create-balancer.ts'
import { instance, run } from './instance-for-tests.ts'

const BALANCES: readonly ResolvedBalance[] = [
  { by: 'peak-ewma' },
  { by: 'least-requests' },
  { by: 'round-robin' },
  { by: 'ring-hash', key: 'client' },
]
const described = fc.record({
  latencyMs: fc.double({ min: 0.5, max: 1_000, noNaN: true }),
  weight: fc.double({ min: 0.01, max: 10, noNaN: true }),
  inFlight: fc.nat(200),
  isFull: fc.boolean(),
})

describe.each(BALANCES)('the balancer $by', (balance) => {
  it('picks one of the candidates, never a full one, and the avoided one only when nobody else has room', () => {
    fc.assert(
      fc.property(
        fc.array(described, { maxLength: 8 }),
        fc.nat(8),
        fc.nat(),
        fc.option(fc.nat(2 ** 32 - 1), { nil: undefined }),
        (all, avoidIndex, seed, key) => {
          const instances = all.map((each) => instance(each))
          const avoid = instances[avoidIndex]
          const picked = createBalancer(balance, seededRandom(seed)).pick(instances, 0, avoid, key)
          const open = instances.filter(({ isFull }) => !isFull)
          if (open.length === 0) {
            expect(picked).toBeUndefined()
            return
          }
          expect(open).toContain(picked)
          if (picked === avoid) expect(open).toEqual([avoid])
        },
      ),
      { numRuns: 500 },
    )
  })

  it('goes on when instances come and go between two picks', () => {
    fc.assert(
      fc.property(fc.array(fc.array(described, { maxLength: 5 }), { maxLength: 10 }), fc.nat(), (lists, seed) => {
        const balancer = createBalancer(balance, seededRandom(seed))
        for (const list of lists) {
          const instances = list.map((each) => instance(each))
          const picked = balancer.pick(instances, 0)
          expect(picked === undefined).toBe(instances.every(({ isFull }) => isFull))
        }
      }),
      { numRuns: 200 },
    )
  })

  it('leaves no one of equal instances out, and floods none', () => {
    const instances = Array.from({ length: 5 }, () => instance())
    run(createBalancer(balance, seededRandom(3)), instances, { requests: 5_000, concurrency: 20 })
    for (const { picks } of instances) {
      expect(picks).toBeGreaterThan(600)
      expect(picks).toBeLessThan(1_500)
    }
  })
})
