import type { LogPosition } from '../sql/log-position.ts'
import { parsePosition } from '../sql/log-position.ts'
import type { Catalog } from './catalog.ts'
import type { BackupManifest } from './manifest.ts'
import type { Fork, Segment } from './wal-names.ts'
import { parseSegmentName, SEGMENT_BYTES, segmentBefore, segmentName, segmentOf } from './wal-names.ts'

/** The log that follows a backup on the way to a timeline. */
export interface LogPath {
  /** In the order in which recovery asks for them, up to the first hole. */
  readonly segments: readonly string[]
  /** Recovery ends there as if the log did. */
  readonly hole: LogHole | undefined
}

/** Where files of the log are missing though there are later ones, or the backup itself needs them. */
export interface LogHole {
  /** The first one that is missing. */
  readonly segment: string
  /** Where it begins: everything before can be restored. */
  readonly at: LogPosition
  /** Whether the backup can't be used at all. */
  readonly isInBackup: boolean
}

/** Follows the log from a backup on. Pure. */
export function logPathOf(
  wal: Iterable<string>,
  { timeline: begun, startLsn, stopLsn }: Pick<BackupManifest, 'timeline' | 'startLsn' | 'stopLsn'>,
  timeline: number,
  forks: readonly Fork[],
): LogPath {
  const first = segmentOf(begun, parsePosition(startLsn))
  const lastOfBackup = segmentBefore(begun, parsePosition(stopLsn)).number
  const there = pathOf(wal, first, timeline, forks)
  const gap = there.findIndex(({ number }, index) => number !== first.number + BigInt(index))
  const whole = gap === -1 ? there : there.slice(0, gap)
  const number = first.number + BigInt(whole.length)
  const isInBackup = number <= lastOfBackup
  const hole =
    gap === -1 && !isInBackup
      ? undefined
      : {
          segment: segmentName({ timeline: there[gap]?.timeline ?? timeline, number }),
          at: number * SEGMENT_BYTES,
          isInBackup,
        }
  return { segments: whole.map(segmentName), hole }
}

/** How far a backup leads on its way to the latest timeline, or on its own where that went another way. */
export function reachOf(
  { wal, histories }: Pick<Catalog, 'wal' | 'histories'>,
  backup: BackupManifest,
  latest: number,
): LogPath {
  const forks = histories.get(latest) ?? []
  return leadsTo(backup, latest, forks)
    ? logPathOf(wal, backup, latest, forks)
    : logPathOf(wal, backup, backup.timeline, histories.get(backup.timeline) ?? [])
}

/** Whether recovery of a backup can follow the log onto a timeline: it was taken before that one went its own way. */
export function leadsTo(
  backup: Pick<BackupManifest, 'timeline' | 'stopLsn'>,
  timeline: number,
  forks: readonly Fork[],
): boolean {
  if (backup.timeline === timeline) return true
  const fork = forks.find((candidate) => candidate.timeline === backup.timeline)
  return fork !== undefined && parsePosition(backup.stopLsn) <= fork.at
}

/** Of each number the segment of the timeline that the log was on there: after a fork, of the newer one. */
function pathOf(wal: Iterable<string>, first: Segment, timeline: number, forks: readonly Fork[]): readonly Segment[] {
  const onPath = new Set([timeline, ...forks.map((fork) => fork.timeline)])
  const byNumber = new Map<bigint, Segment>()
  for (const name of wal) {
    const segment = parseSegmentName(name)
    if (segment === undefined || segment.number < first.number || !onPath.has(segment.timeline)) continue
    const fork = forks.find((candidate) => candidate.timeline === segment.timeline)
    // What was written on a timeline after it had been left is of another history.
    if (fork !== undefined && segment.number > segmentOf(0, fork.at).number) continue
    const other = byNumber.get(segment.number)
    if (other === undefined || other.timeline < segment.timeline) byNumber.set(segment.number, segment)
  }
  return [...byNumber.values()].sort((a, b) => (a.number < b.number ? -1 : 1))
}
