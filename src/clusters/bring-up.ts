import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Decision } from './arbiter.ts'
import type { ClusterState } from './cluster-state.ts'
import type { Followers } from './followers.ts'
import type { ClusterNode } from './node.ts'
import type { RecordKeeper } from './record-keeper.ts'

/** @see bringUpPrimary */
export interface BringUpOptions {
  readonly nodes: ReadonlyMap<number, ClusterNode>
  readonly record: RecordKeeper
  readonly followers: Followers
  readonly clock: Clock
  /** The recorded primary. */
  readonly primary: () => ClusterNode
  readonly decide: () => Decision
  readonly act: (decision: Decision) => Promise<void>
  readonly onState: (state: ClusterState) => void
}

/** How long a start waits for the standby of a primary that does not start. */
const SUCCESSOR_MS_MAX = 60_000
export const FENCE_MS_MAX = 5_000
const LOOK_MS = 50

/**
 * Starts or adopts the recorded primary, or finishes a promotion that was interrupted. Where it can't be started, the
 * node that certainly has everything takes over. Nobody else may write when this begins: who might, is killed first.
 */
export async function bringUpPrimary(options: BringUpOptions, signal: AbortSignal): Promise<void> {
  const { nodes, primary, followers, onState } = options
  for (const node of nodes.values()) {
    if (node === primary() || !(await node.hasData()) || (await node.isFollower())) continue
    const left = await node.fence(FENCE_MS_MAX)
    if (left.length > 0) throw stubborn(node.name, left)
  }
  try {
    try {
      await primary().start(signal, (isRecovery) => onState({ kind: isRecovery ? 'recovering' : 'starting' }))
    } catch (error) {
      await awaitSuccessor(options, error, signal)
    }
    while (primary().condition !== 'primary') {
      signal.throwIfAborted()
      const decision = options.decide()
      if (decision.step === 'restart' || decision.step === 'none') throw stuck(decision.reason)
      await options.act(decision)
    }
  } catch (error) {
    await followers.releaseAll()
    throw error
  }
}

/** @throws the given error when there is none, or it does not come */
async function awaitSuccessor(options: BringUpOptions, error: unknown, signal: AbortSignal): Promise<void> {
  const { nodes, record, followers, clock } = options
  const successor = nodes.get(record.current.synchronous ?? 0)
  if (signal.aborted || successor === undefined || !(await successor.hasData())) throw error
  await followers.keep(successor)
  const deadlineMs = clock.nowMs() + SUCCESSOR_MS_MAX
  while (successor.condition !== 'follower') {
    if (clock.nowMs() >= deadlineMs) throw error
    await sleep(clock, LOOK_MS, signal)
  }
}

/** The error for a server that can't be seen dead. */
export function stubborn(name: string, left: readonly number[]): TenfoldError {
  return new TenfoldError(
    'TF_CLUSTER_START_FAILED',
    `expected the server of ${name} to end, but processes ${left.join(', ')} do not; no other node takes over before`,
    { hint: `look at them with "ps -fp ${left.join(',')}"; a disk that hangs keeps processes from ending` },
  )
}

function stuck(reason: string): TenfoldError {
  return new TenfoldError('TF_CLUSTER_START_FAILED', `expected a node to take writes, but ${reason}`, {
    hint: 'read the logs of the nodes',
  })
}
