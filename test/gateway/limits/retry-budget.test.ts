import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRetryBudget } from '../../../src/gateway/limits/retry-budget.ts'

describe('a retry budget', () => {
  it('gives a quiet service three retries in ten seconds, and three more once those are old', () => {
    const budget = createRetryBudget()
    expect([0, 1, 2, 3].map((each) => budget.take(each))).toEqual([true, true, true, false])
    expect(budget.take(9_999)).toBe(false)
    expect(budget.take(10_000)).toBe(true)
  })

  it('gives a busy service one more for every five requests', () => {
    const budget = createRetryBudget()
    for (let request = 0; request < 100; request++) budget.countRequest(request)
    let taken = 0
    while (budget.take(100)) taken += 1
    expect(taken).toBe(23)
  })

  it('forgets requests that are older than ten seconds', () => {
    const budget = createRetryBudget()
    for (let request = 0; request < 1_000; request++) budget.countRequest(0)
    let taken = 0
    while (budget.take(1e9)) taken += 1
    expect(taken).toBe(3)
  })

  it('is never exceeded in any ten seconds that end with a retry, and is spent whole before it refuses', () => {
    const event = fc.record({ kind: fc.constantFrom('request', 'request', 'retry'), waitMs: fc.nat({ max: 4_000 }) })
    fc.assert(
      fc.property(fc.nat({ max: 100_000 }), fc.array(event, { maxLength: 200 }), (startMs, events) => {
        const budget = createRetryBudget()
        const [requests, retries]: [number[], number[]] = [[], []]
        let nowMs = startMs
        for (const { kind, waitMs } of events) {
          nowMs += waitMs
          const within = (times: readonly number[]): number =>
            times.filter((time) => Math.floor(time / 1_000) > Math.floor(nowMs / 1_000) - 10).length
          if (kind === 'request') {
            budget.countRequest(nowMs)
            requests.push(nowMs)
          } else {
            const isTaken = budget.take(nowMs)
            if (isTaken) retries.push(nowMs)
            const allowed = 3 + 0.2 * within(requests)
            expect(within(retries)).toBeLessThanOrEqual(allowed)
            if (!isTaken) expect(within(retries) + 1).toBeGreaterThan(allowed)
          }
        }
      }),
    )
  })
})
