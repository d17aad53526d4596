import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import type { ProbeState } from '../../../src/gateway/health/probe-verdict.ts'
import { afterProbe, PROBED_FIRST } from '../../../src/gateway/health/probe-verdict.ts'

const RULES = { failures: 3, successes: 2 }

function stateAfter(results: readonly boolean[]): ProbeState {
  return results.reduce((state, hasPassed) => afterProbe(state, hasPassed, RULES), PROBED_FIRST)
}

it('turns unwell after so many failures in a row, and well after so many successes', () => {
  expect(stateAfter([false, false]).isHealthy).toBe(true)
  expect(stateAfter([false, false, true, false, false]).isHealthy).toBe(true)
  expect(stateAfter([false, false, false]).isHealthy).toBe(false)
  expect(stateAfter([false, false, false, true, false, true]).isHealthy).toBe(false)
  expect(stateAfter([false, false, false, true, true]).isHealthy).toBe(true)
})

it('is what the last results in a row say, however it came there', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean()), (results) => {
      expect(stateAfter([...results, false, false, false]).isHealthy).toBe(false)
      expect(stateAfter([...results, true, true]).isHealthy).toBe(true)
      const { isHealthy, against } = stateAfter(results)
      expect(against).toBeLessThan(isHealthy ? RULES.failures : RULES.successes)
    }),
  )
})
