import type { BackupStatus } from '../control/backup-status.ts'
import { formatDuration } from '../core/duration.ts'

/** What is known of the backups of a database. */
export interface BackupFacts {
  readonly where: string
  readonly last: { readonly name: string; readonly endedEpochMs: number; readonly sizeBytes: number } | undefined
  readonly nextEpochMs: number | undefined
  readonly taking: BackupStatus['taking']
  /** Age of the oldest change that is not archived. */
  readonly behindMs: number
  readonly walEveryMs: number
  /** Of the archive, or of the last backup. */
  readonly problem: string | undefined
}

/** The archive may be so many times `walEvery` behind, and a moment, before that is a problem. */
const LATE_FACTOR = 3
const MOMENT_MS = 5_000

/** What an operator is told. Times are whole seconds, so that a look that finds nothing new says nothing new. Pure. */
export function reportBackups(facts: BackupFacts): BackupStatus {
  const { last, behindMs, problem } = facts
  const isLate = behindMs > LATE_FACTOR * facts.walEveryMs + MOMENT_MS
  const said = problem ?? (isLate ? `the archive is ${formatDuration(behindMs)} behind` : undefined)
  return {
    where: facts.where,
    ...(last === undefined
      ? {}
      : { last: { name: last.name, endedEpochMs: last.endedEpochMs, sizeBytes: last.sizeBytes } }),
    ...(facts.nextEpochMs === undefined ? {} : { nextEpochMs: facts.nextEpochMs }),
    ...(facts.taking === undefined ? {} : { taking: facts.taking }),
    ...(isLate ? { behindMs: Math.round(behindMs / 1_000) * 1_000 } : {}),
    ...(said === undefined ? {} : { problem: said }),
  }
}
