/** What a decision about the next backup looks at. */
export interface BackupSchedule {
  readonly everyMs: number
  /** The newest backup; undefined: there is none. */
  readonly last: { readonly endedEpochMs: number; readonly timeline: number } | undefined
  /** Of the server now. */
  readonly timeline: number
  /** The last attempt, if it failed. */
  readonly failedEpochMs: number | undefined
}

/** After a failure, at the latest. */
const RETRY_MS_MAX = 600_000

/** When the next backup is due, and why. Pure. */
export function backupDue(schedule: BackupSchedule): { readonly atEpochMs: number; readonly reason: string } {
  const due = regularly(schedule)
  if (schedule.failedEpochMs === undefined) return due
  const retryEpochMs = schedule.failedEpochMs + Math.min(RETRY_MS_MAX, schedule.everyMs)
  return retryEpochMs > due.atEpochMs ? { atEpochMs: retryEpochMs, reason: 'the last attempt failed' } : due
}

function regularly({ everyMs, last, timeline }: BackupSchedule): ReturnType<typeof backupDue> {
  if (last === undefined) return { atEpochMs: 0, reason: 'there is none yet' }
  // A restore or a failover began a new history; the way back to the old one gets longer.
  if (last.timeline < timeline) return { atEpochMs: 0, reason: `a new timeline, ${timeline}` }
  return { atEpochMs: last.endedEpochMs + everyMs, reason: 'its time' }
}
