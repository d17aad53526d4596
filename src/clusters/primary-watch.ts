import type { Clock } from '../core/clock.ts'
import { withTimeout } from '../core/clock.ts'
import { isServerError } from '../sql/sql-failure.ts'
import { openSession } from '../sql/session.ts'
import type { ClusterNode } from './node.ts'
import type { LogPosition } from '../sql/log-position.ts'
import type { ReplicationStatus } from './replication-status.ts'
import { replicationStatus } from './replication-status.ts'

/** What is known of the followers of a primary, from its last answers. */
export interface PrimaryWatch {
  /** The last answer; undefined until there is one, and after the primary has changed. */
  readonly status: ReplicationStatus | undefined
  /** How many answers there were. */
  readonly answers: number
  /** For how long the primary has not answered. */
  silentMs(): number
  /** For how long a follower has not confirmed what the primary had on its disk. */
  behindMs(follower: number): number
  /** For how long its log has not grown on its disk, though somebody has waited for that whenever it was asked. */
  stalledMs(): number
  /** Asks the primary on a new connection, as anybody would who comes now. Never rejects. */
  ask(primary: ClusterNode): Promise<void>
  /** Forgets: there is another primary, or none. */
  forget(): void
}

/** How long an answer may take. A machine may be busy; one answer that is late decides nothing. */
export const ANSWER_MS_MAX = 2_500
/** Who was held up for so long himself can't say of others that they did not answer. */
const OWN_STALL_MS = 2_000

/** Watches the primary of a cluster, one question at a time. */
export function createPrimaryWatch(clock: Clock): PrimaryWatch {
  let status: ReplicationStatus | undefined
  let answers = 0
  let silentSinceMs: number | undefined
  let lastAskedMs: number | undefined
  /** What a follower has to confirm, and since when it was there. */
  let awaited = new Map<number, { readonly position: LogPosition; readonly sinceMs: number }>()

  /** Where the log ends on the disk while somebody waits for more, and since when. */
  let stalled: { readonly position: LogPosition; readonly sinceMs: number } | undefined

  function answered(next: ReplicationStatus): void {
    const nowMs = clock.nowMs()
    silentSinceMs = undefined
    if (!next.isFlushing) stalled = undefined
    else if (stalled?.position !== next.flushed) stalled = { position: next.flushed, sinceMs: nowMs }
    status = next
    answers++
    awaited = new Map(
      [...next.followers].map(([node, { flushed }]) => {
        const before = awaited.get(node)
        const isOpen = before !== undefined && flushed < before.position
        return [node, isOpen ? before : { position: next.flushed, sinceMs: nowMs }]
      }),
    )
  }

  return {
    get status() {
      return status
    },
    get answers() {
      return answers
    },
    silentMs: () => (silentSinceMs === undefined ? 0 : clock.nowMs() - silentSinceMs),
    behindMs(follower) {
      const open = awaited.get(follower)
      const flushed = status?.followers.get(follower)?.flushed
      return open === undefined || flushed === undefined || flushed >= open.position ? 0 : clock.nowMs() - open.sinceMs
    },
    stalledMs: () => (stalled === undefined ? 0 : clock.nowMs() - stalled.sinceMs),
    async ask(primary) {
      const askedMs = clock.nowMs()
      if (askedMs - (lastAskedMs ?? askedMs) > ANSWER_MS_MAX + OWN_STALL_MS) {
        silentSinceMs = undefined
        stalled = undefined
        awaited = new Map()
      }
      lastAskedMs = askedMs
      try {
        const next = await statusOf(primary, clock)
        if (lastAskedMs === askedMs) answered(next)
      } catch (error) {
        if (lastAskedMs !== askedMs) return
        // One that says what is wrong, but that it starts or stops, is there.
        const isThere = isServerError(error) && !error.code.startsWith('57P')
        if (isThere) silentSinceMs = undefined
        else silentSinceMs ??= askedMs
      }
    },
    forget() {
      status = undefined
      silentSinceMs = undefined
      stalled = undefined
      lastAskedMs = undefined
      awaited = new Map()
    },
  }
}

/** What a node says of itself now. Rejects when it does not answer within the bound. */
export async function statusOf(node: ClusterNode, clock: Clock): Promise<ReplicationStatus> {
  const work = async (): Promise<ReplicationStatus> => {
    const session = await openSession({
      url: node.adminUrl('postgres'),
      applicationName: 'tenfold watch',
      connectTimeoutMs: ANSWER_MS_MAX,
      statementTimeoutMs: ANSWER_MS_MAX,
    })
    try {
      return await replicationStatus(session)
    } finally {
      void session.close()
    }
  }
  return withTimeout(clock, ANSWER_MS_MAX, `${node.name} to answer`, work())
}
