import { TenfoldError } from '../core/errors.ts'
import type { Catalog } from './catalog.ts'
import type { BackupManifest } from './manifest.ts'
import type { RestoreTarget } from './restore-target.ts'
import type { Fork, Segment } from './wal-names.ts'
import { parsePosition } from '../sql/log-position.ts'
import { parseSegmentName, segmentBefore, segmentName, segmentOf } from './wal-names.ts'

/** How a state of the data is got. */
export interface RestorePlan {
  readonly backup: BackupManifest
  readonly timeline: number
  /** Settings of PostgreSQL that make recovery end there; none: at the end of the log. */
  readonly settings: Readonly<Record<string, string>>
  /** Segments from the backup on, in the order in which recovery will ask for them. */
  readonly segments: readonly string[]
  /** For people: why this backup. */
  readonly reason: string
}

/** What a plan is made from. */
export type RestoreView = Pick<Catalog, 'backups' | 'wal' | 'histories' | 'points' | 'lineage'>

/**
 * Chooses the newest backup from which the target can be reached, on the timeline that is asked for or the latest, and
 * lists the log that recovery needs. Pure.
 *
 * @throws TF_RESTORE_TARGET_UNREACHABLE no backup is early enough, or the name is not known
 * @throws TF_BACKUP_INCOMPLETE the archive has a hole between the backup and what follows
 */
export function planRestore(view: RestoreView, target: RestoreTarget, wantedTimeline?: number): RestorePlan {
  const timeline = wantedTimeline ?? latestTimeline(view)
  const forks = view.histories.get(timeline) ?? []
  const usable = view.backups.filter((backup) => leadsTo(backup, timeline, forks))
  const { backup, settings, reason } = choose(view, usable, target)
  const first = segmentOf(backup.timeline, parsePosition(backup.startLsn))
  const segments = pathOf(view.wal, first, timeline, forks)
  const lastNeeded = segmentBefore(backup.timeline, parsePosition(backup.stopLsn)).number
  requireWhole(view, first.number, lastNeeded, segments)
  return { backup, timeline, settings, segments: segments.map(segmentName), reason }
}

/** The highest one that anything is known of. */
export function latestTimeline({
  histories,
  backups,
  wal,
}: Pick<RestoreView, 'histories' | 'backups' | 'wal'>): number {
  let latest = 1
  for (const timeline of histories.keys()) latest = Math.max(latest, timeline)
  for (const { timeline } of backups) latest = Math.max(latest, timeline)
  for (const name of wal) latest = Math.max(latest, parseSegmentName(name)?.timeline ?? 1)
  return latest
}

/** Whether recovery of a backup can follow the log onto a timeline: it was taken before that one went its own way. */
function leadsTo(backup: BackupManifest, timeline: number, forks: readonly Fork[]): boolean {
  if (backup.timeline === timeline) return true
  const fork = forks.find((candidate) => candidate.timeline === backup.timeline)
  return fork !== undefined && parsePosition(backup.stopLsn) <= fork.at
}

function choose(
  view: RestoreView,
  usable: readonly BackupManifest[],
  target: RestoreTarget,
): Pick<RestorePlan, 'backup' | 'settings' | 'reason'> {
  const { database } = view.lineage
  const newest = (holds: (backup: BackupManifest) => boolean, what: string): BackupManifest => {
    const found = usable.findLast(holds)
    if (found !== undefined) return found
    const oldest = usable[0]
    const got =
      oldest === undefined
        ? 'there is none'
        : `the oldest ended ${new Date(oldest.endedEpochMs).toISOString()} at ${oldest.stopLsn}`
    throw unreachable(`expected a backup of ${database} from before ${what}, but ${got}`)
  }
  switch (target.kind) {
    case 'latest':
      return {
        backup: newest(() => true, 'now'),
        settings: {},
        reason: 'the newest backup',
      }
    case 'time': {
      const time = new Date(target.epochMs).toISOString()
      return {
        backup: newest(({ endedEpochMs }) => endedEpochMs <= target.epochMs, time),
        // With an offset: names of zones are not known yet when the setting is read.
        settings: { recovery_target_time: time.replace('T', ' ').replace('Z', '+00') },
        reason: `the newest backup before ${time}`,
      }
    }
    case 'lsn':
      return toPosition(newest, target.lsn)
    case 'name': {
      const point = view.points.find(({ name }) => name === target.name)
      if (point !== undefined) return toPosition(newest, point.lsn)
      const backup = view.backups.find(({ name }) => name === target.name)
      if (backup !== undefined) {
        return { backup, settings: { recovery_target: 'immediate' }, reason: 'the backup that was named' }
      }
      const known = [...view.points.map(({ name }) => name), ...view.backups.map(({ name }) => name)]
      throw unreachable(
        `expected a point or a backup of ${database}, got ${JSON.stringify(target.name)}`,
        known.length === 0 ? undefined : `there are ${known.slice(-10).join(', ')}`,
      )
    }
  }
}

function toPosition(
  newest: (holds: (backup: BackupManifest) => boolean, what: string) => BackupManifest,
  lsn: string,
): Pick<RestorePlan, 'backup' | 'settings' | 'reason'> {
  const position = parsePosition(lsn)
  return {
    backup: newest(({ stopLsn }) => parsePosition(stopLsn) <= position, lsn),
    settings: { recovery_target_lsn: lsn },
    reason: `the newest backup before ${lsn}`,
  }
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

/** Recovery ends at a hole as if the log ended there, so a hole has to be found before. */
function requireWhole(view: RestoreView, first: bigint, lastNeeded: bigint, segments: readonly Segment[]): void {
  let expected = first
  for (const segment of segments) {
    if (segment.number !== expected) throw incomplete(view, segmentName({ ...segment, number: expected }))
    expected++
  }
  if (expected <= lastNeeded) throw incomplete(view, segmentName({ timeline: latestTimeline(view), number: expected }))
}

function incomplete({ lineage }: RestoreView, name: string): TenfoldError {
  return new TenfoldError(
    'TF_BACKUP_INCOMPLETE',
    `expected the log of ${lineage.database} without a hole, but ${name} is missing`,
    {
      hint: 'restore to a moment before it (--to TIME), or from the pulled copy; then take a new backup',
      details: { segment: name },
    },
  )
}

function unreachable(message: string, hint = 'look at "tenfold backup list"'): TenfoldError {
  return new TenfoldError('TF_RESTORE_TARGET_UNREACHABLE', message, { hint })
}
