import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createHistogram } from '../../src/core/histogram.ts'
import { seededRandom } from '../../src/core/random.ts'
import { judgeRelease } from '../../src/objectives/release-verdict.ts'
import type { Measurement } from '../../src/objectives/verdict.ts'

function measured(quick: number, failed = 0, slow = 0): Measurement {
  const succeeded = createHistogram()
  for (let i = 0; i < quick; i++) succeeded.record(5_000)
  for (let i = 0; i < slow; i++) succeeded.record(900_000)
  return { succeeded, failed }
}

const objective = { availability: 0.999, latency: [{ percentile: 95, boundMs: 200 }] }
const nothing = measured(0)

describe('a release', () => {
  test('burns when more requests fail than the objective allows', () => {
    expect(judgeRelease({ objective, served: measured(228, 12), before: nothing })).toEqual({
      state: 'burns',
      reason: '12 of 240 requests failed, the objective allows 0.1 %',
    })
  })

  test('burns when more requests are slow than the objective allows', () => {
    expect(judgeRelease({ objective, served: measured(80, 0, 20), before: nothing })).toEqual({
      state: 'burns',
      reason: '20 of 100 requests took longer than 200 ms or failed, the objective allows 5 %',
    })
  })

  test('is not judged by a few requests', () => {
    expect(judgeRelease({ objective, served: measured(0, 19), before: nothing }).state).toBe('too-few')
    expect(judgeRelease({ objective, served: measured(9, 1), before: nothing, requestsMin: 10 }).state).not.toBe(
      'too-few',
    )
  })

  test('is not blamed for an accident', () => {
    expect(judgeRelease({ objective, served: measured(239, 1), before: nothing }).state).toBe('holds')
  })

  test('is not blamed for what was as bad before', () => {
    const verdict = judgeRelease({ objective, served: measured(228, 12), before: measured(285, 15) })
    expect(verdict).toMatchObject({ state: 'holds', reason: expect.stringContaining('as bad before') })
    expect(judgeRelease({ objective, served: measured(180, 60), before: measured(285, 15) }).state).toBe('burns')
  })

  test('may do nothing wrong where nothing may', () => {
    const strict = { availability: 1, latency: [] }
    expect(judgeRelease({ objective: strict, served: measured(999, 1), before: nothing }).state).toBe('burns')
    expect(judgeRelease({ objective: strict, served: measured(999), before: nothing }).state).toBe('holds')
  })

  test('has nothing to keep without an objective', () => {
    expect(judgeRelease({ objective: undefined, served: measured(0, 99), before: nothing }).state).toBe('holds')
  })

  test('that keeps its objective is rolled back hardly ever, though it is looked at every second', () => {
    const random = seededRandom(7)
    let burnt = 0
    for (let release = 0; release < 200; release++) {
      const served = { succeeded: createHistogram(), failed: 0 }
      for (let second = 0; second < 60; second++) {
        for (let request = 0; request < 20; request++) {
          if (random.next() < 0.01) served.failed++
          else served.succeeded.record(1_000)
        }
        const verdict = judgeRelease({ objective: { availability: 0.99, latency: [] }, served, before: nothing })
        if (verdict.state !== 'burns') continue
        burnt++
        break
      }
    }
    expect(burnt).toBeLessThanOrEqual(4)
  })

  test('that fails more never looks better', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 500 }), fc.nat({ max: 500 }), (total, some) => {
        const failed = Math.min(some, total - 1)
        const state = (count: number): string =>
          judgeRelease({ objective, served: measured(total - count, count), before: nothing }).state
        if (state(failed) === 'burns') expect(state(failed + 1)).toBe('burns')
      }),
      { numRuns: 60 },
    )
  })
})
