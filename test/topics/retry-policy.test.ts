import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/core/random.ts'
import { decideRetry, retryPolicy } from '../../src/topics/retry-policy.ts'

describe('the policy of retries', () => {
  test('gives up after so many tries, or at once where another would be in vain', () => {
    const policy = retryPolicy({ attempts: 3, onFailure: 'skip' })
    const random = seededRandom(1)
    expect(decideRetry(policy, 2, false, random).kind).toBe('again')
    expect(decideRetry(policy, 3, false, random)).toEqual({ kind: 'give-up', policy: 'skip' })
    expect(decideRetry(policy, 1, true, random)).toEqual({ kind: 'give-up', policy: 'skip' })
  })

  test('waits twice as long each time, up to a limit, and never the same for two', () => {
    const policy = retryPolicy({ attempts: 100, pause: '100ms', pauseMax: '1s' })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), fc.integer(), (failed, seed) => {
        const decision = decideRetry(policy, failed, false, seededRandom(seed))
        const ceilingMs = Math.min(1_000, 100 * 2 ** (failed - 1))
        if (decision.kind !== 'again') throw new Error('expected another try')
        expect(decision.afterMs).toBeGreaterThanOrEqual(ceilingMs / 2)
        expect(decision.afterMs).toBeLessThan(ceilingMs)
      }),
    )
  })

  test('refuses a number of tries that is none', () => {
    for (const attempts of [0, 1.5, 101, Number.NaN]) {
      expect(() => retryPolicy({ attempts })).toThrow(expect.objectContaining({ code: 'TF_OPTION_INVALID' }))
    }
  })
})
