import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/core/random.ts'
import type { FailureHistory } from '../../src/fleet/restart-policy.ts'
import { afterFailure, NO_FAILURES } from '../../src/fleet/restart-policy.ts'

const middle = { ...seededRandom(1), next: () => 0.5 }

function failTimes(times: number, everyMs: number): { history: FailureHistory; pauses: readonly number[] } {
  let history = NO_FAILURES
  const pauses: number[] = []
  for (let i = 0; i < times; i++) {
    const next = afterFailure(history, { nowMs: i * everyMs, readyMs: 0, random: middle })
    history = next.history
    pauses.push(next.pauseMs)
  }
  return { history, pauses }
}

describe('the restart policy', () => {
  test('doubles the pause from 250 ms to 15 s', () => {
    const { pauses } = failTimes(8, 100_000)
    expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000])
  })

  test('spreads the pauses of instances that failed together, within the bounds', () => {
    const random = seededRandom(7)
    const pauses = Array.from(
      { length: 1_000 },
      () => afterFailure({ ...NO_FAILURES, inARow: 3 }, { nowMs: 0, readyMs: 0, random }).pauseMs,
    )
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(1_500)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(2_500)
    expect(new Set(pauses).size).toBeGreaterThan(900)
  })

  test('calls five failures within a minute a crash loop', () => {
    expect(failTimes(4, 1_000).history.isCrashLoop).toBe(false)
    expect(failTimes(5, 1_000).history.isCrashLoop).toBe(true)
    expect(failTimes(5, 15_000).history.isCrashLoop).toBe(true)
    expect(failTimes(20, 15_001).history.isCrashLoop).toBe(false)
  })

  test('rests longest in a crash loop, and stays in it until it was healthy', () => {
    const { history, pauses } = failTimes(5, 1_000)
    expect(pauses.at(-1)).toBe(15_000)
    const later = afterFailure(history, { nowMs: 500_000, readyMs: 59_999, random: middle })
    expect(later.history.isCrashLoop).toBe(true)
    const healed = afterFailure(history, { nowMs: 500_000, readyMs: 60_000, random: middle })
    expect(healed).toEqual({ history: { inARow: 1, recentMs: [500_000], isCrashLoop: false }, pauseMs: 250 })
  })

  test('remembers a bounded number of failures', () => {
    expect(failTimes(1_000, 10).history.recentMs).toHaveLength(5)
  })
})
