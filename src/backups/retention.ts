import { parsePosition } from '../sql/log-position.ts'
import { parseSegmentName, segmentOf } from './wal-names.ts'

/** Which backups are kept. The newest one always is. */
export type Keep =
  | { readonly backups: number }
  /** As many as it takes to go back to any moment of this time. */
  | { readonly forMs: number }

/** What a decision about retention looks at. */
export interface RetentionView {
  readonly backups: readonly {
    readonly name: string
    readonly endedEpochMs: number
    readonly startLsn: string
  }[]
  /** Copies without a manifest, but for those that are being made. */
  readonly unfinished: readonly string[]
  readonly wal: Iterable<string>
}

/** What may go, in the order in which it may: a backup before the log that only it needed. */
export interface RetentionPlan {
  readonly backups: readonly { readonly name: string; readonly reason: string }[]
  readonly unfinished: readonly string[]
  readonly wal: readonly string[]
}

/** At once: a clock that jumps a year ahead does not empty a repository before somebody sees it. */
const LEAVING_MAX = 2

/**
 * Decides what a repository does not have to keep. Every backup that stays can be restored to every moment after it that
 * it could be restored to before: of the log, only segments that are older than the beginning of all of them go, on
 * every timeline; histories stay for good. Where no backup is left, nothing goes. Pure.
 */
export function planRetention(view: RetentionView, keep: Keep, nowEpochMs: number): RetentionPlan {
  const newestFirst = [...view.backups].sort((a, b) => b.endedEpochMs - a.endedEpochMs)
  const count = Math.max(1, keptCount(newestFirst, keep, nowEpochMs))
  const leaving = newestFirst.slice(count).slice(-LEAVING_MAX)
  const kept = newestFirst.filter((backup) => !leaving.includes(backup))
  if (kept.length === 0) return { backups: [], unfinished: [], wal: [] }
  const reason = 'backups' in keep ? `${keep.backups} newer ones are kept` : 'a newer one covers the time that is kept'
  const needed = kept
    .map(({ startLsn }) => segmentOf(0, parsePosition(startLsn)).number)
    .reduce((a, b) => (a < b ? a : b))
  const wal = [...view.wal].filter((name) => {
    // The first 24 digits are a segment's, also of what accompanies it.
    const segment = parseSegmentName(name.slice(0, 24))
    return segment !== undefined && segment.number < needed
  })
  return {
    backups: leaving.toReversed().map(({ name }) => ({ name, reason })),
    unfinished: view.unfinished,
    wal: wal.sort(),
  }
}

function keptCount(newestFirst: readonly { readonly endedEpochMs: number }[], keep: Keep, nowEpochMs: number): number {
  if ('backups' in keep) return keep.backups
  // The first that is older than the time covers its beginning.
  const covering = newestFirst.findIndex(({ endedEpochMs }) => endedEpochMs <= nowEpochMs - keep.forMs)
  return covering === -1 ? newestFirst.length : covering + 1
}
