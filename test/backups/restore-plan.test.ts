import { describe, expect, test } from 'vitest'
import type { BackupManifest } from '../../src/backups/manifest.ts'
import type { RestoreView } from '../../src/backups/restore-plan.ts'
import { planRestore } from '../../src/backups/restore-plan.ts'
import { isPointName, parseTarget } from '../../src/backups/restore-target.ts'
import { segmentName } from '../../src/backups/wal-names.ts'

function backup(name: string, timeline: number, segment: number, endedEpochMs: number): BackupManifest {
  const lsn = (offset: string): string => `0/${segment.toString(16).toUpperCase()}${offset}`
  const [startLsn, stopLsn] = [lsn('000028'), lsn('000120')]
  return { name, timeline, startLsn, stopLsn, startedEpochMs: endedEpochMs - 1, endedEpochMs } as BackupManifest
}

function segments(timeline: number, from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => segmentName({ timeline, number: BigInt(from + index) }))
}

function view(more: Partial<RestoreView>): RestoreView {
  return {
    lineage: { database: 'orders', systemIdentifier: '1' },
    backups: [backup('a', 1, 2, 1_000), backup('b', 1, 5, 5_000)],
    wal: new Set(segments(1, 1, 8)),
    histories: new Map(),
    points: [],
    ...more,
  }
}

describe('the plan of a restore', () => {
  test('begins with the newest backup that was finished before the target', () => {
    expect(planRestore(view({}), { kind: 'latest' }).backup.name).toBe('b')
    expect(planRestore(view({}), { kind: 'time', epochMs: 4_999 }).backup.name).toBe('a')
    expect(planRestore(view({}), { kind: 'time', epochMs: 5_000 }).backup.name).toBe('b')
    expect(planRestore(view({}), { kind: 'lsn', lsn: '0/5000119' }).backup.name).toBe('a')
    const points = [{ name: 'menu', lsn: '0/6000000', timeline: 1, epochMs: 6_000 }]
    const plan = planRestore(view({ points }), { kind: 'name', name: 'menu' })
    expect(plan).toMatchObject({ settings: { recovery_target_lsn: '0/6000000' }, segments: segments(1, 5, 8) })
  })

  test('says what there is when nothing leads to the target', () => {
    expect(() => planRestore(view({}), { kind: 'time', epochMs: 10 })).toThrow('the oldest ended 1970-01-01T00:00:01')
    expect(() => planRestore(view({ backups: [] }), { kind: 'latest' })).toThrow('there is none')
    expect(() => planRestore(view({}), { kind: 'name', name: 'c' })).toThrow('expected a point or a backup')
  })

  test('finds a hole in the log before recovery would take it for the end', () => {
    const wal = new Set(segments(1, 1, 8))
    wal.delete(segmentName({ timeline: 1, number: 7n }))
    expect(() => planRestore(view({ wal }), { kind: 'latest' })).toThrow('000000010000000000000007 is missing')
    const short = new Set(segments(1, 1, 4))
    expect(() => planRestore(view({ wal: short }), { kind: 'latest' })).toThrow('000000010000000000000005 is missing')
  })

  test('reaches what is before a hole, and says how far that is', () => {
    const wal = new Set(segments(1, 1, 9))
    wal.delete(segmentName({ timeline: 1, number: 7n }))
    wal.delete(segmentName({ timeline: 1, number: 8n }))
    const points = [{ name: 'menu', lsn: '0/6000100', timeline: 1, epochMs: 6_000 }]
    const holed = view({ wal, points })
    const reachable = { segments: segments(1, 5, 6), hole: { segment: segmentName({ timeline: 1, number: 7n }) } }
    for (const target of [
      { kind: 'time', epochMs: 5_500 },
      { kind: 'lsn', lsn: '0/6FFFFFF' },
      { kind: 'lsn', lsn: '0/7000000' },
      { kind: 'name', name: 'menu' },
      { kind: 'name', name: 'b' },
    ] as const) {
      expect(planRestore(holed, target)).toMatchObject(reachable)
    }
    for (const target of [{ kind: 'latest' }, { kind: 'lsn', lsn: '0/7000001' }] as const) {
      expect(() => planRestore(holed, target)).toThrow(
        expect.objectContaining({
          code: 'TF_BACKUP_INCOMPLETE',
          hint: expect.stringContaining('--to 0/7000000'),
          details: { segment: segmentName({ timeline: 1, number: 7n }), reachableLsn: '0/7000000' },
        }),
      )
    }
    // A backup from after the hole does not need it.
    const backups = [...holed.backups, backup('c', 1, 9, 9_000)]
    expect(planRestore({ ...holed, backups }, { kind: 'latest' })).toMatchObject({ hole: undefined })
    expect(planRestore({ ...holed, backups }, { kind: 'time', epochMs: 8_999 })).toMatchObject(reachable)
  })

  test('does not use a backup whose own log has a hole', () => {
    const wal = new Set(segments(1, 1, 8))
    wal.delete(segmentName({ timeline: 1, number: 5n }))
    for (const target of [
      { kind: 'name', name: 'b' },
      { kind: 'time', epochMs: 5_500 },
    ] as const) {
      expect(() => planRestore(view({ wal }), target)).toThrow('000000010000000000000005 is missing')
    }
  })

  test('follows the history that was chosen at a fork, and does not use backups of the other', () => {
    // Restored to a position in segment 4: timeline 2 begins there, and timeline 1 had gone on.
    const histories = new Map([[2, [{ timeline: 1, at: 0x4000100n }]]])
    const wal = new Set([...segments(1, 1, 8), ...segments(2, 4, 6)])
    const plan = planRestore(view({ histories, wal }), { kind: 'latest' })
    expect(plan.backup.name).toBe('a')
    expect(plan.segments).toEqual([...segments(1, 2, 3), ...segments(2, 4, 6)])
    // What was left can be reached by its name.
    expect(planRestore(view({ histories, wal }), { kind: 'latest' }, 1).segments).toEqual(segments(1, 5, 8))
  })
})

describe('a target', () => {
  test('is a time with its zone, a position, a name, or latest', () => {
    expect(parseTarget('latest')).toEqual({ kind: 'latest' })
    expect(parseTarget('0/5000028')).toEqual({ kind: 'lsn', lsn: '0/5000028' })
    expect(parseTarget('2026-11-22T23:19:00+01:00')).toEqual({ kind: 'time', epochMs: Date.UTC(2026, 10, 22, 22, 19) })
    expect(parseTarget('2026-11-22 23:19Z')).toEqual({ kind: 'time', epochMs: Date.UTC(2026, 10, 22, 23, 19) })
    expect(parseTarget('before-menu')).toEqual({ kind: 'name', name: 'before-menu' })
    expect(() => parseTarget('2026-11-22T23:19:00')).toThrow('a time with its zone')
    expect(() => parseTarget("x'; drop")).toThrow('a time with its zone')
  })

  test('nothing may be called what is read as something else', () => {
    expect(isPointName('before-menu')).toBe(true)
    for (const name of ['latest', '20261122T231959Z', '2026-11-22T23:19Z', '0/5000028', '']) {
      expect(isPointName(name)).toBe(false)
    }
  })
})
