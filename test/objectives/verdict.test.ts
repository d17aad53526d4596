import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHistogram } from '../../src/core/histogram.ts'
import type { Objective } from '../../src/objectives/objective.ts'
import { strictestBoundMs } from '../../src/objectives/objective.ts'
import type { Measurement } from '../../src/objectives/verdict.ts'
import { judgeObjective, latencyMsAt } from '../../src/objectives/verdict.ts'

/** `fast` requests of 10 ms, `slow` ones of 500 ms, and failures. */
function measure(fast: number, slow = 0, failed = 0): Measurement {
  const succeeded = createHistogram()
  for (let i = 0; i < fast; i++) succeeded.record(10_000)
  for (let i = 0; i < slow; i++) succeeded.record(500_000)
  return { succeeded, failed }
}

const p95: Objective = { availability: undefined, latency: [{ percentile: 95, boundMs: 200 }] }
const available: Objective = { availability: 0.999, latency: [] }

describe('the verdict on a latency', () => {
  it('is met while at most the allowed share is slow', () => {
    expect(judgeObjective(p95, measure(950, 50)).state).toBe('met')
    expect(judgeObjective(p95, measure(949, 51)).state).toBe('broken')
  })

  it('counts failed requests as slow', () => {
    expect(judgeObjective(p95, measure(949, 0, 51))).toMatchObject({
      state: 'broken',
      reasons: [
        { measured: Number.POSITIVE_INFINITY, text: 'p95 was a failed request, the bound is 200 ms (1000 requests)' },
      ],
    })
  })

  it('gives measured value, bound and number of samples', () => {
    expect(judgeObjective(p95, measure(1_000)).reasons).toEqual([
      {
        objective: 'latency',
        state: 'met',
        text: 'p95 was 10 ms, the bound is 200 ms (1000 requests)',
        measured: 10,
        bound: 200,
        samples: 1_000,
      },
    ])
  })

  it('can not be told from a few requests', () => {
    const p99: Objective = { availability: undefined, latency: [{ percentile: 99, boundMs: 200 }] }
    expect(judgeObjective(p99, measure(80))).toMatchObject({
      state: 'invalid',
      reasons: [{ text: "p99 can't be told from 80 requests, it takes 500", samples: 80 }],
    })
    expect(judgeObjective(p99, measure(0)).state).toBe('invalid')
  })

  it('is broken in spite of few requests when a kept objective would hardly bring so many slow ones', () => {
    expect(judgeObjective(p95, measure(10, 10)).state).toBe('broken')
    expect(judgeObjective(p95, measure(18, 2)).state).toBe('invalid')
    expect(judgeObjective(p95, measure(0, 20)).state).toBe('broken')
  })

  it('never prints a value above the bound that it calls met', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: 1, max: 1_000 }), (valueUs, boundMs) => {
        const succeeded = createHistogram()
        for (let i = 0; i < 100; i++) succeeded.record(valueUs)
        const objective = { availability: undefined, latency: [{ percentile: 50, boundMs }] }
        const [reason] = judgeObjective(objective, { succeeded, failed: 0 }).reasons
        expect((reason?.measured ?? 0) <= boundMs).toBe(reason?.state === 'met')
      }),
    )
  })
})

describe('the verdict on availability', () => {
  it('is met while the budget lasts', () => {
    expect(judgeObjective(available, measure(9_990, 0, 10)).state).toBe('met')
    expect(judgeObjective(available, measure(9_989, 0, 11)).state).toBe('broken')
  })

  it('can not be told from a few requests that all went well', () => {
    expect(judgeObjective(available, measure(80))).toMatchObject({
      state: 'invalid',
      reasons: [{ text: "99.9 % can't be told from 80 requests, it takes 5000" }],
    })
  })

  it('of 100 % is broken by one failure and told from any number', () => {
    expect(judgeObjective({ availability: 1, latency: [] }, measure(3)).state).toBe('met')
    expect(judgeObjective({ availability: 1, latency: [] }, measure(99_999, 0, 1)).state).toBe('broken')
  })
})

describe('any verdict', () => {
  it('is invalid when the measurement is, and says why', () => {
    const verdict = judgeObjective(p95, measure(1_000), { invalid: ['the generator was late'] })
    expect(verdict.state).toBe('invalid')
    expect(verdict.reasons[0]).toMatchObject({ objective: 'measurement', text: 'the generator was late' })
  })

  it('is met when nothing is promised', () => {
    expect(judgeObjective({ availability: undefined, latency: [] }, measure(0))).toEqual({ state: 'met', reasons: [] })
  })

  it('never gets better by more failures', () => {
    const rank = { met: 0, invalid: 1, broken: 2 }
    const objective: Objective = { availability: 0.99, latency: [{ percentile: 90, boundMs: 200 }] }
    fc.assert(
      fc.property(fc.nat(5_000), fc.nat(500), fc.nat(500), fc.nat(500), (fast, slow, failed, more) => {
        fc.pre(fast + slow + failed >= 500)
        const before = judgeObjective(objective, measure(fast, slow, failed)).state
        const after = judgeObjective(objective, measure(Math.max(0, fast - more), slow, failed + more)).state
        expect(rank[after]).toBeGreaterThanOrEqual(rank[before])
      }),
    )
  })
})

describe('the latency at a percentile', () => {
  it('ranks failed requests last', () => {
    expect(latencyMsAt(50, measure(50, 0, 50))).toBe(10)
    expect(latencyMsAt(51, measure(50, 0, 50))).toBe(Number.POSITIVE_INFINITY)
    expect(latencyMsAt(50, measure(0))).toBe(0)
  })
})

describe('the strictest bound', () => {
  it('is the smallest of the latency bounds', () => {
    const latency = [
      { percentile: 50, boundMs: 80 },
      { percentile: 99, boundMs: 300 },
    ]
    expect([strictestBoundMs({ availability: 1, latency }), strictestBoundMs(available)]).toEqual([80, undefined])
  })
})
