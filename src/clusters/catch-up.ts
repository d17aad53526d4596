import type { Clock } from '../core/clock.ts'
import { sleep, withTimeout } from '../core/clock.ts'
import type { ClusterNode } from './node.ts'
import type { NodeRole } from './node-role.ts'
import { statusOf } from './primary-watch.ts'
import type { LogPosition } from '../sql/log-position.ts'

/** @see catchUp */
export interface CatchUpOptions {
  /** Follows nobody who lives, and is about to be promoted. */
  readonly node: ClusterNode
  /** Followers of the same primary. */
  readonly others: readonly ClusterNode[]
  /** What the node is told to follow one of them. */
  roleAfter(other: ClusterNode): NodeRole
  readonly clock: Clock
}

/** Writes wait for this: a follower that hangs is not waited for, and neither is one whose log has gone another way. */
const ANSWER_MS_MAX = 1_000
const CATCH_UP_MS_MAX = 2_000
const LOOK_MS = 20

/**
 * Has a node get what another follower has beyond it. A replica shows its readers what the primary has sent, whether or
 * not the standby had it too when the primary died: without this, whoever has read it there would not find it again. It
 * was never acknowledged to whoever wrote it, so nothing is lost where this fails.
 *
 * @returns whether nobody who answered is ahead
 */
export async function catchUp({ node, others, roleAfter, clock }: CatchUpOptions): Promise<boolean> {
  const [own = 0n, ...theirs] = await Promise.all([node, ...others].map((each) => flushedOf(each, clock)))
  const target = theirs.reduce<LogPosition>((most, at) => (at !== undefined && at > most ? at : most), own)
  const source = others[theirs.indexOf(target)]
  if (target === own || source === undefined) return true
  const role = roleAfter(source)
  await node.tell({ ...role, follows: { ...role.follows!, hasSlot: false } })
  const deadlineMs = clock.nowMs() + CATCH_UP_MS_MAX
  while (((await flushedOf(node, clock)) ?? 0n) < target) {
    if (clock.nowMs() >= deadlineMs) return false
    await sleep(clock, LOOK_MS)
  }
  return true
}

async function flushedOf(node: ClusterNode, clock: Clock): Promise<LogPosition | undefined> {
  return withTimeout(clock, ANSWER_MS_MAX, `${node.name} to answer`, statusOf(node, clock)).then(
    ({ flushed }) => flushed,
    () => undefined,
  )
}
