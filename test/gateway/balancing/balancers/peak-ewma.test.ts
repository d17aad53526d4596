import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../../src/core/random.ts'
import { createPeakEwmaBalancer } from '../../../../src/gateway/balancing/balancers/peak-ewma.ts'
import { instance, run } from './instance-for-tests.ts'

describe('the power of two choices by requests and latency', () => {
  it.each([2, 3, 4, 10])('spreads requests over %i equal instances, also one request at a time', (count) => {
    for (const concurrency of [1, 16]) {
      const instances = Array.from({ length: count }, () => instance())
      run(createPeakEwmaBalancer(seededRandom(1)), instances, { requests: 1_000 * count, concurrency })
      for (const { picks } of instances) expect(Math.abs(picks - 1_000)).toBeLessThan(150)
    }
  })

  it.each([3, 6])('gives a slow instance among %i less, but something', (count) => {
    const slow = instance({ latencyMs: 100 })
    const instances = [slow, ...Array.from({ length: count - 1 }, () => instance())]
    run(createPeakEwmaBalancer(seededRandom(1)), instances, { requests: 6_000, concurrency: 60 })
    const others = instances.filter((each) => each !== slow).map(({ picks }) => picks)
    expect(slow.picks).toBeGreaterThan(0)
    expect(slow.picks * 4).toBeLessThan(Math.min(...others))
  })

  it('gives an instance of half the weight about half the traffic', () => {
    const light = instance({ weight: 0.5 })
    const heavy = instance()
    run(createPeakEwmaBalancer(seededRandom(1)), [light, heavy], { requests: 6_000, concurrency: 30 })
    expect(light.picks / heavy.picks).toBeGreaterThan(0.4)
    expect(light.picks / heavy.picks).toBeLessThan(0.62)
  })

  it('repeats itself with the same seed', () => {
    const picksOf = (): number[] => {
      const instances = Array.from({ length: 5 }, () => instance())
      run(createPeakEwmaBalancer(seededRandom(42)), instances, { requests: 500, concurrency: 7 })
      return instances.map(({ picks }) => picks)
    }
    expect(picksOf()).toEqual(picksOf())
  })
})
