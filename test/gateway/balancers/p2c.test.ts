import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../src/core/random.ts'
import type { Candidate } from '../../../src/gateway/balancer.ts'
import { createP2c } from '../../../src/gateway/balancers/p2c.ts'

interface Instance extends Candidate {
  inFlight: number
  picks: number
}

function instance(
  options: { latencyMs?: number; weight?: number; inFlight?: number; isFull?: boolean } = {},
): Instance {
  const { latencyMs = 10, weight = 1, inFlight = 0, isFull = false } = options
  return { inFlight, isFull, weight, picks: 0, latencyMs: () => latencyMs }
}

/** Keeps `concurrency` requests under way, each for as long as its instance's latency says. */
function run(instances: readonly Instance[], options: { requests: number; concurrency: number; seed?: number }): void {
  const balancer = createP2c(seededRandom(options.seed ?? 1))
  const underWay: { instance: Instance; endsMs: number }[] = []
  let nowMs = 0
  for (let i = 0; i < options.requests; i++) {
    if (underWay.length >= options.concurrency) {
      underWay.sort((a, b) => b.endsMs - a.endsMs)
      const ended = underWay.pop()!
      nowMs = ended.endsMs
      ended.instance.inFlight -= 1
    }
    const picked = balancer.pick(instances, nowMs)!
    picked.inFlight += 1
    picked.picks += 1
    underWay.push({ instance: picked, endsMs: nowMs + picked.latencyMs(nowMs) })
  }
}

describe('the power of two choices', () => {
  it.each([2, 3, 4, 10])('spreads requests over %i equal instances, also one request at a time', (count) => {
    for (const concurrency of [1, 16]) {
      const instances = Array.from({ length: count }, () => instance())
      run(instances, { requests: 1_000 * count, concurrency })
      for (const { picks } of instances) expect(Math.abs(picks - 1_000)).toBeLessThan(150)
    }
  })

  it.each([3, 6])('gives a slow instance among %i less, but something', (count) => {
    const slow = instance({ latencyMs: 100 })
    const instances = [slow, ...Array.from({ length: count - 1 }, () => instance())]
    run(instances, { requests: 6_000, concurrency: 60 })
    const others = instances.filter((each) => each !== slow).map(({ picks }) => picks)
    expect(slow.picks).toBeGreaterThan(0)
    expect(slow.picks * 4).toBeLessThan(Math.min(...others))
  })

  it('gives an instance of half the weight about half the traffic', () => {
    const light = instance({ weight: 0.5 })
    const heavy = instance()
    run([light, heavy], { requests: 6_000, concurrency: 30 })
    expect(light.picks / heavy.picks).toBeGreaterThan(0.4)
    expect(light.picks / heavy.picks).toBeLessThan(0.62)
  })

  it('picks one of the candidates, never a full one, and the avoided one only when nobody else has room', () => {
    const candidate = fc.record({
      latencyMs: fc.double({ min: 0.5, max: 1_000, noNaN: true }),
      weight: fc.double({ min: 0.01, max: 10, noNaN: true }),
      inFlight: fc.nat(200),
      isFull: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(candidate, { maxLength: 8 }), fc.nat(8), fc.nat(), (described, avoidIndex, seed) => {
        const instances = described.map((each) => instance(each))
        const avoid = instances[avoidIndex]
        const picked = createP2c(seededRandom(seed)).pick(instances, 0, avoid)
        const open = instances.filter(({ isFull }) => !isFull)
        if (open.length === 0) {
          expect(picked).toBeUndefined()
          return
        }
        expect(open).toContain(picked)
        if (picked === avoid) expect(open).toEqual([avoid])
      }),
      { numRuns: 2_000 },
    )
  })

  it('repeats itself with the same seed', () => {
    const picksOf = (): number[] => {
      const instances = Array.from({ length: 5 }, () => instance())
      run(instances, { requests: 500, concurrency: 7, seed: 42 })
      return instances.map(({ picks }) => picks)
    }
    expect(picksOf()).toEqual(picksOf())
  })
})
