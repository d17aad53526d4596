import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Outcomes } from '../../../src/gateway/health/outlier-detection.ts'
import { ejectedMs, mayEject, rateOutliers } from '../../../src/gateway/health/outlier-detection.ts'

const RULES = { after: 5, forMs: 30_000, atMost: 0.1 }

function answering(...described: readonly (readonly [requests: number, failures: number])[]) {
  return described.map(([requests, failures], i) => ({
    id: `api-${i + 1}`,
    outcomes: { requests, failures, consecutive: 0 } satisfies Outcomes,
  }))
}

describe('how many are ejected', () => {
  it('is a share of them, but always one', () => {
    expect(mayEject(0, 1, RULES)).toBe(true)
    expect(mayEject(0, 3, RULES)).toBe(true)
    expect(mayEject(1, 3, RULES)).toBe(false)
    expect(mayEject(1, 20, RULES)).toBe(true)
    expect(mayEject(2, 20, RULES)).toBe(false)
  })

  it('is none where none may be', () => {
    expect(mayEject(0, 100, { ...RULES, atMost: 0 })).toBe(false)
  })

  it('never passes the larger of one and the share, however many are bad', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.double({ min: 0.01, max: 1, noNaN: true }), (count, atMost) => {
        let ejected = 0
        for (let i = 0; i < count; i++) if (mayEject(ejected, count, { ...RULES, atMost })) ejected += 1
        expect(ejected).toBeGreaterThanOrEqual(1)
        expect(ejected).toBeLessThanOrEqual(Math.max(1, Math.floor(count * atMost + 1e-9)))
      }),
    )
  })
})

describe('how long an ejection lasts', () => {
  it('is longer each time in a row, up to five minutes', () => {
    expect([1, 2, 3, 10, 50].map((times) => ejectedMs(times, RULES, 0) / 1_000)).toEqual([30, 60, 90, 300, 300])
  })

  it('is as long as asked for where that is more than five minutes', () => {
    expect(ejectedMs(1, { ...RULES, forMs: 600_000 }, 0)).toBe(600_000)
    expect(ejectedMs(3, { ...RULES, forMs: 600_000 }, 0)).toBe(600_000)
  })

  it('is up to a tenth longer by chance, and never shorter', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (times, chance) => {
        const plain = ejectedMs(times, RULES, 0)
        expect(ejectedMs(times, RULES, chance)).toBeGreaterThanOrEqual(plain)
        expect(ejectedMs(times, RULES, chance)).toBeLessThan(plain * 1.1)
      }),
    )
  })
})

describe('an outlier by success rate', () => {
  it('is the one whose answers are far worse, with the rates as the reason', () => {
    const instances = answering([200, 0], [200, 0], [200, 0], [200, 0], [200, 100])
    const found = rateOutliers(instances)
    expect(found.map(({ instance }) => instance.id)).toEqual(['api-5'])
    expect(found[0]!.reason).toBe('50.0 % of its answers are good, of all 90.0 %')
  })

  it('is nobody among fewer than five, or with fewer than a hundred requests each', () => {
    expect(rateOutliers(answering([200, 0], [200, 0], [200, 0], [200, 100]))).toEqual([])
    expect(rateOutliers(answering([99, 0], [99, 0], [99, 0], [99, 0], [99, 99]))).toEqual([])
  })

  it('is nobody where all are equally bad', () => {
    expect(rateOutliers(answering([200, 90], [200, 90], [200, 90], [200, 90], [200, 90]))).toEqual([])
  })

  it('is always worse than the mean, and never most of them', () => {
    const outcome = fc
      .integer({ min: 0, max: 1_000 })
      .chain((requests) => fc.tuple(fc.constant(requests), fc.nat(requests)))
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 30 }), (described) => {
        const instances = answering(...described)
        const counted = instances.filter(({ outcomes }) => outcomes.requests >= 100)
        const rate = ({ outcomes }: { outcomes: Outcomes }): number => 1 - outcomes.failures / outcomes.requests
        const mean = counted.reduce((sum, each) => sum + rate(each), 0) / counted.length
        const found = rateOutliers(instances)
        for (const { instance } of found) expect(rate(instance)).toBeLessThan(mean)
        // Chebyshev, one-sided: at most 1 / (1 + 1.9²) of them.
        expect(found.length).toBeLessThanOrEqual(counted.length / (1 + 1.9 ** 2))
      }),
    )
  })
})
