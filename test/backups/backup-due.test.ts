import { expect, test } from 'vitest'
import { backupDue } from '../../src/backups/backup-due.ts'
import { reportBackups } from '../../src/backups/backup-report.ts'

const last = { startedEpochMs: 990_000, endedEpochMs: 1_000_000, timeline: 1 }
const schedule = {
  everyMs: 3_600_000,
  last,
  timeline: 1,
  timelineSinceEpochMs: 0,
  hasHole: false,
  failedEpochMs: undefined,
}

test('a backup is due at once where there is none, and else at its time', () => {
  expect(backupDue({ ...schedule, last: undefined })).toEqual({ atEpochMs: 0, reason: 'there is none yet' })
  expect(backupDue(schedule).atEpochMs).toBe(4_600_000)
})

test('a new history is backed up earlier than its time, but not in the minutes after a failover', () => {
  const failedOver = { ...schedule, timeline: 2, timelineSinceEpochMs: 2_000_000 }
  expect(backupDue(failedOver)).toEqual({ atEpochMs: 2_600_000, reason: 'a new timeline, 2' })
  const justBefore = { ...failedOver, timelineSinceEpochMs: 4_500_000 }
  expect(backupDue(justBefore)).toEqual({ atEpochMs: 4_600_000, reason: 'its time' })
})

test('a hole in the log makes one due, but backups alone do not keep a slow archive busy', () => {
  expect(backupDue({ ...schedule, hasHole: true })).toMatchObject({ atEpochMs: 1_010_000 })
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

test('what waits in the spool is shown when it is much, and a problem well before the disk is full', () => {
  const facts = {
    where: '/b',
    last: undefined,
    nextEpochMs: undefined,
    taking: undefined,
    behindMs: 0,
    walEveryMs: 10_000,
  }
  const reported = (waitingMiB: number, freeMiB: number, problem?: string): ReturnType<typeof reportBackups> =>
    reportBackups({
      ...facts,
      problem,
      spool: { waitingBytes: waitingMiB * 1024 ** 2, freeBytes: freeMiB * 1024 ** 2 },
    })
  expect(reported(255, 100)).toEqual({ where: '/b' })
  expect(reported(300, 10_000, 'no network')).toMatchObject({
    spool: { waitingBytes: 256 * 1024 ** 2 },
    problem: 'no network; 256MiB of the log wait in the spool',
  })
  expect(reported(1024, 2048, 'no network').problem).toBe(
    'no network; 1GiB of the log wait in the spool and only 2GiB are free on the disk of the data: when half of that room is taken, the oldest is dropped',
  )
  // A little more is no news.
  expect(reported(1030, 2050, 'no network')).toEqual(reported(1024, 2048, 'no network'))
})

test('what was dropped is said once, with the position up to which all is there', () => {
  const facts = { where: '/b', last: undefined, nextEpochMs: undefined, taking: undefined, problem: 'no network' }
  const reported = (files: number): ReturnType<typeof reportBackups> => {
    const dropped = { files, first: '000000010000000000000007', last: '00000001000000000000000A', epochMs: 5 }
    return reportBackups({ ...facts, behindMs: 0, walEveryMs: 10_000, dropped })
  }
  expect(reported(4)).toMatchObject({ dropped: { files: 4, fromLsn: '0/7000000', lastEpochMs: 5 } })
  expect(reported(4).problem).toMatch(/^LOG WAS DROPPED from 0\/7000000 on, .*; no network$/)
  expect(reported(5).problem).toBe(reported(4).problem)
})
