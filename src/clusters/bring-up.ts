import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import type { Decision } from './arbiter.ts'
import { SILENT_MS_MAX } from './arbiter.ts'
import type { ClusterState } from './cluster-state.ts'
import type { Followers } from './followers.ts'
import type { ClusterNode } from './node.ts'
import { readPostmasterFile } from './postmaster-file.ts'
import { statusOf } from './primary-watch.ts'
import type { RecordKeeper } from './record-keeper.ts'
import { withSession } from './set-up-session.ts'

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
/** How long a promotion waits for followers that may have shown more than the new primary has. */
const WITNESSES_MS_MAX = 5_000
export const FENCE_MS_MAX = 5_000
const LOOK_MS = 50

/**
 * Starts or adopts the recorded primary, or finishes a promotion that was interrupted. Where it can't be started, the
 * node that certainly has everything takes over. Nobody else may write when this begins: who might, is killed first.
 */
export async function bringUpPrimary(options: BringUpOptions, signal: AbortSignal): Promise<void> {
  const { nodes, primary, followers } = options
  for (const node of nodes.values()) {
    if (node === primary() || !(await node.hasData()) || (await node.isFollower())) continue
    const left = await node.fence(FENCE_MS_MAX)
    if (left.length > 0) throw stubborn(node.name, left)
  }
  try {
    try {
      await startPrimary(options, signal)
    } catch (error) {
      await awaitSuccessor(options, error, signal)
    }
    let hasWitnesses = false
    while (primary().condition !== 'primary') {
      signal.throwIfAborted()
      if (primary().condition === 'follower' && !hasWitnesses) {
        await startWitnesses(options, signal)
        hasWitnesses = true
      }
      const decision = options.decide()
      if (decision.step === 'restart' || decision.step === 'none') throw stuck(decision.reason)
      await options.act(decision)
    }
  } catch (error) {
    await followers.releaseAll()
    throw error
  }
}

/**
 * One that runs already, does not answer for as long as a primary may, and has a standby that does, is given up: there is
 * no reason to be more patient with it than later.
 */
async function startPrimary(
  { nodes, record, primary, clock, onState }: BringUpOptions,
  signal: AbortSignal,
): Promise<void> {
  const node = primary()
  const successor = nodes.get(record.current.synchronous ?? 0)
  const hangs = new AbortController()
  let isStarted = false
  const judge = async (): Promise<void> => {
    const wasReady = (await readPostmasterFile(node.paths.data))?.status === 'ready'
    if (!wasReady || successor === undefined || !(await statusOf(successor, clock)).isInRecovery) return
    if (!isStarted) hangs.abort()
  }
  const cancel = clock.schedule(SILENT_MS_MAX, () => void judge().catch(() => undefined))
  try {
    await node.start(AbortSignal.any([signal, hangs.signal]), (isRecovery) => {
      isStarted = true
      onState({ kind: isRecovery ? 'recovering' : 'starting' })
    })
  } finally {
    isStarted = true
    cancel()
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

/**
 * Followers of the primary that was lost, as they are: what they have shown to their readers, the new one gets from them
 * before its promotion. Whoever does not answer in time is left out.
 */
async function startWitnesses({ nodes, primary, clock }: BringUpOptions, signal: AbortSignal): Promise<void> {
  const tooLate = new AbortController()
  const cancel = clock.schedule(WITNESSES_MS_MAX, () => tooLate.abort())
  const start = async (node: ClusterNode): Promise<void> => {
    if (node === primary() || node.server !== undefined || !(await node.isFollower())) return
    const either = AbortSignal.any([signal, tooLate.signal])
    await node.start(either)
    while (!(await unlessAborted(hasReplayed(node), either, `${node.name} to replay`))) {
      await sleep(clock, LOOK_MS, either)
    }
  }
  await Promise.allSettled([...nodes.values()].map(start))
  cancel()
}

/** Whether it has replayed what it has: then it asks for more. */
function hasReplayed(node: ClusterNode): Promise<boolean> {
  return withSession(node.adminUrl('postgres'), async (session) => {
    const { rows } = await session.query<{ asks: boolean }>('select pg_last_wal_receive_lsn() is not null as asks')
    return rows[0]?.asks === true
  })
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
