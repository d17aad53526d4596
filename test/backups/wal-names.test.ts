import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatPosition, parsePosition } from '../../src/sql/log-position.ts'
import {
  historyName,
  isArchivedName,
  parseHistory,
  parseHistoryName,
  parseSegmentName,
  segmentBefore,
  segmentName,
  segmentOf,
} from '../../src/backups/wal-names.ts'

describe('names of the log', () => {
  test('are those of PostgreSQL', () => {
    // select pg_walfile_name('0/5000028'), pg_walfile_name('1/FF000000') on timeline 1
    expect(segmentName(segmentOf(1, parsePosition('0/5000028')))).toBe('000000010000000000000005')
    expect(segmentName(segmentOf(1, parsePosition('1/FF000001')))).toBe('0000000100000001000000FF')
    expect(segmentName(segmentBefore(1, parsePosition('0/5000000')))).toBe('000000010000000000000004')
    expect(historyName(26)).toBe('0000001A.history')
  })

  test('are read as they were written, for every position', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 63n), fc.integer({ min: 1, max: 2 ** 31 }), (position, timeline) => {
        expect(parsePosition(formatPosition(position))).toBe(position)
        const segment = segmentOf(timeline, position)
        expect(parseSegmentName(segmentName(segment))).toEqual(segment)
        expect(parseHistoryName(historyName(timeline))).toBe(timeline)
      }),
    )
  })

  test('tell what belongs into an archive from what lies beside it', () => {
    for (const name of ['000000010000000000000005', '0000000200000000000000A0.partial', '00000002.history']) {
      expect(isArchivedName(name)).toBe(true)
    }
    for (const name of ['archtemp.000000010000000000000005.17.1', 'x', '000000010000000000000005.part']) {
      expect(isArchivedName(name)).toBe(false)
    }
  })

  test('a history lists the forks that led to a timeline', () => {
    const text = '1\t0/5000028\tbefore 2026-11-22 23:19:00+00\n\n2\t0/8000000\tno recovery target specified\n'
    expect(parseHistory(text)).toEqual([
      { timeline: 1, at: 0x5000028n },
      { timeline: 2, at: 0x8000000n },
    ])
  })
})
