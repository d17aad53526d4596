/** What a decision about the next backup looks at. */
export interface BackupSchedule {
  readonly everyMs: number
  /** The newest backup; undefined: there is none. */
  readonly last:
    | { readonly startedEpochMs: number; readonly endedEpochMs: number; readonly timeline: number }
    | undefined
  /** Whether log after the newest one was dropped. */
  readonly hasHole: boolean
  /** Of the server now, and since when it is known to be of that one. */
  readonly timeline: number
  readonly timelineSinceEpochMs: number
  /** The last attempt, if it failed. */
  readonly failedEpochMs: number | undefined
}

/** After a failure, at the latest. */
const RETRY_MS_MAX = 600_000
/** After a failover the nodes have better things to do than to be copied; the older backups lead to all histories. */
const NEW_TIMELINE_MS = 600_000

/** When the next backup is due, and why. Pure. */
export function backupDue(schedule: BackupSchedule): { readonly atEpochMs: number; readonly reason: string } {
  const due = regularly(schedule)
  if (schedule.failedEpochMs === undefined) return due
  const retryEpochMs = schedule.failedEpochMs + Math.min(RETRY_MS_MAX, schedule.everyMs)
  return retryEpochMs > due.atEpochMs ? { atEpochMs: retryEpochMs, reason: 'the last attempt failed' } : due
}

function regularly(schedule: BackupSchedule): ReturnType<typeof backupDue> {
  const { everyMs, last, timeline, timelineSinceEpochMs, hasHole } = schedule
  if (last === undefined) return { atEpochMs: 0, reason: 'there is none yet' }
  const nextEpochMs = last.endedEpochMs + everyMs
  // An archive that is too slow gets holes all the time, and must not be kept busy with backups alone.
  const rested = last.endedEpochMs + (last.endedEpochMs - last.startedEpochMs)
  if (hasHole) return { atEpochMs: rested, reason: 'a hole in the log, which no earlier one leads over' }
  // A restore or a failover began a new history; the way back to the old one gets longer.
  const calmEpochMs = timelineSinceEpochMs + NEW_TIMELINE_MS
  if (last.timeline === timeline || calmEpochMs > nextEpochMs) return { atEpochMs: nextEpochMs, reason: 'its time' }
  return { atEpochMs: calmEpochMs, reason: `a new timeline, ${timeline}` }
}
