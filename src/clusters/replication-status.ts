import type { LogPosition } from '../sql/log-position.ts'
import { parsePosition } from '../sql/log-position.ts'
import type { Session } from '../sql/session.ts'
import { followerName } from './node-role.ts'

/** What a node says of itself and of those that follow it. */
export interface ReplicationStatus {
  /** Whether it follows another node, or replays its log before it answers as a primary. */
  readonly isInRecovery: boolean
  /** How far its log is on the disk: of a primary what it has written, of a follower what it has got. */
  readonly flushed: LogPosition
  /** Whether somebody waits until a part of the log is on the disk. */
  readonly isFlushing: boolean
  readonly followers: ReadonlyMap<number, FollowerStatus>
}

/** A follower as its primary sees it. */
export interface FollowerStatus {
  readonly isStreaming: boolean
  /** On its disk, by its last word. */
  readonly flushed: LogPosition
  /** Visible to its readers, by its last word. */
  readonly replayed: LogPosition
}

const QUERY = `
  select pg_is_in_recovery() as "isInRecovery",
         -- A receiver that has just been started says the beginning of its file.
         coalesce(case when pg_is_in_recovery() then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                       else pg_current_wal_flush_lsn() end, '0/0')::text as flushed,
         exists (select from pg_stat_activity where wait_event in ('WALWrite', 'WalWrite', 'WalSync')) as "isFlushing",
         coalesce((select json_agg(json_build_object('name', application_name, 'state', state,
                          'flushed', coalesce(flush_lsn, '0/0'), 'replayed', coalesce(replay_lsn, '0/0')))
                     from pg_stat_replication where application_name ~ '^${followerName(0).slice(0, -1)}\\d+$'), '[]') as followers`

/** Asks a node. */
export async function replicationStatus(session: Session): Promise<ReplicationStatus> {
  const { rows } = await session.query<{
    isInRecovery: boolean
    flushed: string
    isFlushing: boolean
    followers: { name: string; state: string; flushed: string; replayed: string }[]
  }>(QUERY)
  const { isInRecovery, flushed, isFlushing, followers } = rows[0]!
  return {
    isInRecovery,
    flushed: parsePosition(flushed),
    isFlushing,
    followers: new Map(
      followers.map(({ name, state, ...at }) => [
        Number(name.slice(followerName(0).length - 1)),
        {
          isStreaming: state === 'streaming',
          flushed: parsePosition(at.flushed),
          replayed: parsePosition(at.replayed),
        },
      ]),
    ),
  }
}
