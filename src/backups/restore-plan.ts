import { TenfoldError } from '../core/errors.ts'
import type { LogPosition } from '../sql/log-position.ts'
import { formatPosition, parsePosition } from '../sql/log-position.ts'
import type { Catalog } from './catalog.ts'
import type { LogHole } from './log-path.ts'
import { leadsTo, logPathOf } from './log-path.ts'
import type { BackupManifest } from './manifest.ts'
import type { RestoreTarget } from './restore-target.ts'
import { parseSegmentName } from './wal-names.ts'

/** How a state of the data is got. */
export interface RestorePlan {
  readonly backup: BackupManifest
  readonly timeline: number
  /** Settings of PostgreSQL that make recovery end there; none: at the end of the log. */
  readonly settings: Readonly<Record<string, string>>
  /** Segments from the backup on, in the order in which recovery will ask for them. */
  readonly segments: readonly string[]
  /** Where the log that is there ends, though there is more behind. */
  readonly hole: LogHole | undefined
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
 * @throws TF_BACKUP_INCOMPLETE the archive has a hole between the backup and the target
 */
export function planRestore(view: RestoreView, target: RestoreTarget, wantedTimeline?: number): RestorePlan {
  const timeline = wantedTimeline ?? latestTimeline(view)
  const forks = view.histories.get(timeline) ?? []
  const usable = view.backups.filter((backup) => leadsTo(backup, timeline, forks))
  const { backup, settings, reason, needed } = choose(view, usable, target)
  const { segments, hole } = logPathOf(view.wal, backup, timeline, forks)
  if (hole !== undefined && (hole.isInBackup || needed === 'all' || needed > hole.at)) throw beyondHole(view, hole)
  return { backup, timeline, settings, segments, hole, reason }
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

interface Choice extends Pick<RestorePlan, 'backup' | 'settings' | 'reason'> {
  /** How much of the log the target needs, as far as is known before the server has read it. */
  readonly needed: 'all' | LogPosition
}

function choose(view: RestoreView, usable: readonly BackupManifest[], target: RestoreTarget): Choice {
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
        needed: 'all',
        reason: 'the newest backup',
      }
    case 'time': {
      const time = new Date(target.epochMs).toISOString()
      return {
        backup: newest(({ endedEpochMs }) => endedEpochMs <= target.epochMs, time),
        // With an offset: names of zones are not known yet when the setting is read.
        needed: 0n,
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
        const reason = 'the backup that was named'
        return { backup, settings: { recovery_target: 'immediate' }, needed: 0n, reason }
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
): Choice {
  const position = parsePosition(lsn)
  return {
    backup: newest(({ stopLsn }) => parsePosition(stopLsn) <= position, lsn),
    settings: { recovery_target_lsn: lsn },
    needed: position,
    reason: `the newest backup before ${lsn}`,
  }
}

/**
 * The error for a target that needs what is missing.
 *
 * @param lastCommit the last transaction before the hole, as the server said, where that is known
 */
export function beyondHole({ lineage }: Pick<Catalog, 'lineage'>, hole: LogHole, lastCommit?: string): TenfoldError {
  const at = formatPosition(hole.at)
  const until = lastCommit === undefined ? '' : `, the last transaction before it was at ${lastCommit}`
  return new TenfoldError(
    'TF_BACKUP_INCOMPLETE',
    `expected the log of ${lineage.database} without a hole, but ${hole.segment} is missing${until}`,
    {
      hint: hole.isInBackup
        ? 'restore to a moment before this backup (--to TIME), or from the pulled copy'
        : `restore --to ${at} for all that was written before it, or from the pulled copy; then take a new backup`,
      details: { segment: hole.segment, reachableLsn: at, ...(lastCommit === undefined ? {} : { lastCommit }) },
    },
  )
}

function unreachable(message: string, hint = 'look at "tenfold backup list"'): TenfoldError {
  return new TenfoldError('TF_RESTORE_TARGET_UNREACHABLE', message, { hint })
}
