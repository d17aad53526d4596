import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JobState } from '../../src/fleet/job-decision.ts'
import { decideJob } from '../../src/fleet/job-decision.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** Due every ten minutes. */
const next = (after: number): number => (Math.floor(after / (10 * MINUTE_MS)) + 1) * 10 * MINUTE_MS
const state = (changes: Partial<JobState>): JobState => ({
  next,
  decidedEpochMs: 0,
  nowEpochMs: 0,
  running: 0,
  runningMax: 1,
  missed: 'once',
  ...changes,
})

test('runs what is due, once for all times that were missed', () => {
  expect(decideJob(state({ nowEpochMs: MINUTE_MS }))).toEqual({ decidedEpochMs: 0, nextEpochMs: 10 * MINUTE_MS })
  expect(decideJob(state({ nowEpochMs: 10 * MINUTE_MS }))).toMatchObject({ due: { scheduledEpochMs: 10 * MINUTE_MS } })
  expect(decideJob(state({ nowEpochMs: 100 * HOUR_MS + 1 }))).toEqual({
    due: { scheduledEpochMs: 100 * HOUR_MS },
    decidedEpochMs: 100 * HOUR_MS + 1,
    nextEpochMs: 100 * HOUR_MS + 10 * MINUTE_MS,
  })
})

test('leaves out what may not overlap, and what was missed if that is wanted', () => {
  const late = { nowEpochMs: HOUR_MS + 2 * MINUTE_MS }
  expect(decideJob(state({ ...late, missed: 'skip' })).due?.skipped).toBe('it was missed')
  expect(decideJob(state({ nowEpochMs: HOUR_MS + 30_000, missed: 'skip' })).due?.skipped).toBeUndefined()
  expect(decideJob(state({ ...late, running: 1 })).due?.skipped).toBe('the one before was not over')
  expect(decideJob(state({ ...late, running: 1, runningMax: 2 })).due?.skipped).toBeUndefined()
})

test('runs no time twice, wherever the clock is set', () => {
  const jump = fc.integer({ min: -50 * HOUR_MS, max: 50 * HOUR_MS })
  fc.assert(
    fc.property(fc.array(jump, { maxLength: 30 }), (jumps) => {
      let [nowEpochMs, decidedEpochMs] = [1_000 * HOUR_MS, 1_000 * HOUR_MS]
      const scheduled: number[] = []
      for (const by of jumps) {
        nowEpochMs = Math.max(0, nowEpochMs + by)
        const decision = decideJob(state({ nowEpochMs, decidedEpochMs }))
        if (decision.due !== undefined) scheduled.push(decision.due.scheduledEpochMs)
        decidedEpochMs = decision.decidedEpochMs
      }
      expect(scheduled).toEqual([...new Set(scheduled)].toSorted((a, b) => a - b))
    }),
  )
})
