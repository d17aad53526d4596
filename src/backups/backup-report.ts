import type { BackupStatus } from '../control/backup-status.ts'
import { formatDuration } from '../core/duration.ts'
import { formatSize } from '../core/size.ts'
import { formatPosition } from '../sql/log-position.ts'
import type { SpoolSize } from './spool.ts'
import type { DroppedLog } from './spool-guard.ts'
import { parseSegmentName, SEGMENT_BYTES } from './wal-names.ts'

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
  /** What waits for the archive. */
  readonly spool?: SpoolSize | undefined
  /** What did not fit. */
  readonly dropped?: DroppedLog | undefined
}

/** The archive may be so many times `walEvery` behind, and a moment, before that is a problem. */
const LATE_FACTOR = 3
const MOMENT_MS = 5_000

/** Less that waits is no news. */
const SPOOL_BYTES_MIN = 256 * 1024 ** 2
/** What waits is told in such steps, so that it is news now and then. */
const SPOOL_STEP_BYTES = 64 * 1024 ** 2
/** More than this part of the room that it and what is free have together is a danger. */
const SPOOL_PART_MAX = 0.25

/** What an operator is told. Times are whole seconds, so that a look that finds nothing new says nothing new. Pure. */
export function reportBackups(facts: BackupFacts): BackupStatus {
  const { last, behindMs, problem } = facts
  const isLate = behindMs > LATE_FACTOR * facts.walEveryMs + MOMENT_MS
  const late = isLate ? `the archive is ${formatDuration(behindMs)} behind` : undefined
  const spool = facts.spool !== undefined && facts.spool.waitingBytes >= SPOOL_BYTES_MIN ? facts.spool : undefined
  const dropped = facts.dropped === undefined ? undefined : aboutDropped(facts.dropped)
  const said = [dropped, problem ?? late, spool === undefined ? undefined : aboutSpool(spool)]
    .filter(Boolean)
    .join('; ')
  return {
    where: facts.where,
    ...(last === undefined
      ? {}
      : { last: { name: last.name, endedEpochMs: last.endedEpochMs, sizeBytes: last.sizeBytes } }),
    ...(facts.nextEpochMs === undefined ? {} : { nextEpochMs: facts.nextEpochMs }),
    ...(facts.taking === undefined ? {} : { taking: facts.taking }),
    ...(isLate ? { behindMs: Math.round(behindMs / 1_000) * 1_000 } : {}),
    ...(spool === undefined ? {} : { spool: stepped(spool) }),
    ...(facts.dropped === undefined
      ? {}
      : {
          dropped: {
            files: facts.dropped.files,
            fromLsn: beginOf(facts.dropped.first),
            lastEpochMs: facts.dropped.epochMs,
          },
        }),
    ...(said === '' ? {} : { problem: said }),
  }
}

/** Without the number of files: it is news once. */
function aboutDropped({ first }: DroppedLog): string {
  return `LOG WAS DROPPED from ${beginOf(first)} on, since what waits may take no more of the disk: until the next backup nothing later can be restored`
}

function beginOf(segment: string): string {
  return formatPosition((parseSegmentName(segment.slice(0, 24))?.number ?? 0n) * SEGMENT_BYTES)
}

/** At the end the oldest of it is dropped: somebody has to look well before. */
function aboutSpool(spool: SpoolSize): string {
  const { waitingBytes, freeBytes } = stepped(spool)
  const waits = `${formatSize(waitingBytes)} of the log wait in the spool`
  if (waitingBytes < SPOOL_PART_MAX * (waitingBytes + freeBytes)) return waits
  return `${waits} and only ${formatSize(freeBytes)} are free on the disk of the data: when half of that room is taken, the oldest is dropped`
}

function stepped({ waitingBytes, freeBytes }: SpoolSize): SpoolSize {
  const step = (bytes: number): number => Math.floor(bytes / SPOOL_STEP_BYTES) * SPOOL_STEP_BYTES
  return { waitingBytes: step(waitingBytes), freeBytes: step(freeBytes) }
}
