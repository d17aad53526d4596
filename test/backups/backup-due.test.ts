import { expect, test } from 'vitest'
import { backupDue } from '../../src/backups/backup-due.ts'
import { reportBackups } from '../../src/backups/backup-report.ts'

const last = { endedEpochMs: 1_000_000, timeline: 1 }
const schedule = { everyMs: 3_600_000, last, timeline: 1, failedEpochMs: undefined }

test('a backup is due at once where there is none, or the history is a new one, and else at its time', () => {
  expect(backupDue({ ...schedule, last: undefined })).toEqual({ atEpochMs: 0, reason: 'there is none yet' })
  expect(backupDue({ ...schedule, timeline: 2 })).toEqual({ atEpochMs: 0, reason: 'a new timeline, 2' })
  expect(backupDue(schedule).atEpochMs).toBe(4_600_000)
})

test('after a failure it is tried again in ten minutes at the latest, and not at once', () => {
  expect(backupDue({ ...schedule, last: undefined, failedEpochMs: 50_000 }).atEpochMs).toBe(650_000)
  expect(backupDue({ ...schedule, last: undefined, everyMs: 60_000, failedEpochMs: 50_000 }).atEpochMs).toBe(110_000)
})

test('an archive that is behind is a problem only when it is late', () => {
  const facts = { where: '/b', last: undefined, nextEpochMs: undefined, taking: undefined, problem: undefined }
  expect(reportBackups({ ...facts, behindMs: 9_000, walEveryMs: 10_000 })).toEqual({ where: '/b' })
  expect(reportBackups({ ...facts, behindMs: 60_400, walEveryMs: 10_000 })).toEqual({
    where: '/b',
    behindMs: 60_000,
    problem: 'the archive is 1.01m behind',
  })
})
