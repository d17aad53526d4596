import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Keep, RetentionView } from '../../src/backups/retention.ts'
import { planRetention } from '../../src/backups/retention.ts'
import { formatPosition, parsePosition } from '../../src/sql/log-position.ts'
import { parseSegmentName, SEGMENT_BYTES, segmentName, segmentOf } from '../../src/backups/wal-names.ts'

const DAY_MS = 86_400_000

/** Backups at increasing times and positions, and the log of all of it on up to three timelines. */
const views: fc.Arbitrary<RetentionView> = fc
  .record({
    gaps: fc.array(fc.tuple(fc.integer({ min: 1, max: 3 * DAY_MS }), fc.bigInt(1n, SEGMENT_BYTES * 4n)), {
      maxLength: 12,
    }),
    timelines: fc.integer({ min: 1, max: 3 }),
    unfinished: fc.array(fc.constantFrom('half', 'broken'), { maxLength: 2 }),
  })
  .map(({ gaps, timelines, unfinished }) => {
    let endedEpochMs = 0
    let position = SEGMENT_BYTES
    const backups = gaps.map(([gapMs, bytes], index) => {
      endedEpochMs += gapMs
      position += bytes
      return { name: `backup-${index}`, endedEpochMs, startLsn: formatPosition(position) }
    })
    const wal: string[] = ['00000002.history']
    for (let number = 0n; number <= position / SEGMENT_BYTES + 2n; number++) {
      for (let timeline = 1; timeline <= timelines; timeline++) wal.push(segmentName({ timeline, number }))
    }
    return { backups, unfinished, wal }
  })

const keeps: fc.Arbitrary<Keep> = fc.oneof(
  fc.record({ backups: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ forMs: fc.integer({ min: 1, max: 20 * DAY_MS }) }),
)

describe('retention', () => {
  test('never breaks a chain: of each backup that stays, all of the log from its beginning stays', () => {
    fc.assert(
      fc.property(views, keeps, fc.integer({ min: 0, max: 60 * DAY_MS }), (view, keep, nowEpochMs) => {
        const plan = planRetention(view, keep, nowEpochMs)
        const gone = new Set(plan.backups.map(({ name }) => name))
        const kept = view.backups.filter(({ name }) => !gone.has(name))
        const goneWal = new Set(plan.wal)
        if (view.backups.length > 0) expect(kept.length).toBeGreaterThan(0)
        else expect(plan.wal).toEqual([])
        for (const { startLsn } of kept) {
          const first = segmentOf(1, parsePosition(startLsn)).number
          for (const name of view.wal) {
            const segment = parseSegmentName(name)
            if (segment !== undefined && segment.number >= first) expect(goneWal.has(name)).toBe(false)
          }
        }
        expect(goneWal.has('00000002.history')).toBe(false)
        // What goes is older than everything that stays.
        for (const { name } of plan.backups) {
          const old = view.backups.find((backup) => backup.name === name)!
          for (const { endedEpochMs } of kept) expect(old.endedEpochMs).toBeLessThan(endedEpochMs)
        }
      }),
    )
  })

  test('of days, keeps what it takes to go back to the first moment of them', () => {
    const backup = (day: number): RetentionView['backups'][number] => ({
      name: `day-${day}`,
      endedEpochMs: day * DAY_MS,
      startLsn: '0/2000000',
    })
    const view = { backups: [1, 2, 3, 4, 5].map(backup), unfinished: [], wal: [] }
    const plan = planRetention(view, { forMs: 2 * DAY_MS }, 5.5 * DAY_MS)
    // Three and a half days ago is the moment: day 3 covers it, day 2 is not needed.
    expect(plan.backups.map(({ name }) => name)).toEqual(['day-1', 'day-2'])
  })

  test('removes two at a time, the oldest first, so that a clock that jumps empties no repository', () => {
    const backups = [1, 2, 3, 4, 5].map((day) => ({
      name: `day-${day}`,
      endedEpochMs: day * DAY_MS,
      startLsn: '0/2000000',
    }))
    const plan = planRetention({ backups, unfinished: [], wal: [] }, { forMs: DAY_MS }, 400 * DAY_MS)
    expect(plan.backups.map(({ name }) => name)).toEqual(['day-1', 'day-2'])
  })

  test('of a number, keeps the newest', () => {
    const view = {
      backups: [1, 2, 3].map((n) => ({ name: `b${n}`, endedEpochMs: n, startLsn: `0/${n}000028` })),
      unfinished: ['half'],
      wal: ['000000010000000000000001', '000000010000000000000002', '000000010000000000000003'],
    }
    expect(planRetention(view, { backups: 2 }, 9)).toMatchObject({
      backups: [{ name: 'b1', reason: '2 newer ones are kept' }],
      unfinished: ['half'],
      wal: ['000000010000000000000001'],
    })
  })
})
