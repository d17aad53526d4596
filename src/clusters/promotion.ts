import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Session } from '../sql/session.ts'
import type { ClusterNode } from './node.ts'
import { standbyNames } from './node-role.ts'
import type { LogPosition } from '../sql/log-position.ts'
import { parsePosition } from '../sql/log-position.ts'
import { withSession } from './set-up-session.ts'

const POLL_MS = 10
/** It replays what it has got first. */
const PROMOTE_MS_MAX = 60_000
const RELOAD_MS_MAX = 10_000

/** Lets a follower take writes. Whether it may is decided elsewhere. */
export async function promote(node: ClusterNode, clock: Clock): Promise<void> {
  await withSession(node.adminUrl('postgres'), async (session) => {
    // Whoever was killed in the middle of a promotion has asked for it already.
    if (!(await isInRecovery(session))) return
    await session.query('select pg_promote(wait => false)')
    await until(clock, PROMOTE_MS_MAX, `${node.name} to be promoted`, async () => !(await isInRecovery(session)))
  })
  node.promoted()
}

async function isInRecovery(session: Session): Promise<boolean> {
  const { rows } = await session.query<{ isInRecovery: boolean }>(`select pg_is_in_recovery() as "isInRecovery"`)
  return rows[0]?.isInRecovery === true
}

/**
 * Has COMMIT on a primary wait for one of these nodes, or for nobody.
 *
 * @param options.isKnown the primary waited for the same before it was started or adopted
 * @returns a position: whatever was acknowledged without waiting for them is before it
 */
export async function waitForOn(
  primary: ClusterNode,
  nodes: readonly number[],
  clock: Clock,
  options: { readonly isKnown?: boolean } = {},
): Promise<LogPosition> {
  await primary.tell({ waitsFor: nodes })
  // A new session has what the postmaster has read, which tells all others before it starts one.
  await until(clock, RELOAD_MS_MAX, `${primary.name} to read its settings`, () =>
    withSession(primary.adminUrl('postgres'), async (session) => {
      const { rows } = await session.query<{ names: string }>(
        `select current_setting('synchronous_standby_names') as names`,
      )
      return rows[0]?.names === standbyNames(nodes)
    }),
  )
  return withSession(primary.adminUrl('postgres'), async (session) => {
    // Sessions are told by the checkpointer, which reads its settings before it makes a checkpoint; until then some
    // still do not wait.
    if (nodes.length > 0 && options.isKnown !== true) await session.query('checkpoint')
    return flushedPosition(session)
  })
}

async function flushedPosition(session: Session): Promise<LogPosition> {
  const { rows } = await session.query<{ at: string }>('select pg_current_wal_flush_lsn()::text as at')
  return parsePosition(rows[0]!.at)
}

async function until(clock: Clock, boundMs: number, what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadlineMs = clock.nowMs() + boundMs
  while (!(await holds())) {
    if (clock.nowMs() >= deadlineMs) throw new TenfoldError('TF_TIMEOUT', `expected ${what} within ${boundMs} ms`)
    await sleep(clock, POLL_MS)
  }
}
