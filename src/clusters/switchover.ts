import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import type { ClusterOperator } from './cluster-operator.ts'
import { readControlFile } from './control-file.ts'
import type { ClusterNode } from './node.ts'
import { statusOf } from './primary-watch.ts'
import type { RecordKeeper } from './record-keeper.ts'
import { termOf } from './record-keeper.ts'
import { withSession } from './set-up-session.ts'

/** @see switchOver */
export interface SwitchOverOptions {
  readonly name: string
  readonly operator: ClusterOperator
  readonly nodes: ReadonlyMap<number, ClusterNode>
  readonly record: RecordKeeper
  readonly clock: Clock
}

/** What was running is cut off by a fast shutdown, so this is the time to write what is in memory. */
const SHUTDOWN_MS_MAX = 30_000
const CATCH_UP_MS_MAX = 10_000
const LOOK_MS = 20

/**
 * Hands the writes over: a checkpoint, so that the shutdown is short; the shutdown, which ends when the followers have
 * been sent all of the log; the record, once the successor has its end; the operator then promotes. Killed at any point
 * before the record, the old primary is started again.
 *
 * @throws TF_SWITCHOVER_REFUSED
 */
export async function switchOver({ name, operator, nodes, record, clock }: SwitchOverOptions): Promise<void> {
  const first = successorOf(operator, nodes, record)
  if (first === undefined) throw refused(name, 'no follower gets the log')
  await withSession(operator.primary.adminUrl('postgres'), (session) => session.query('checkpoint'))
  const { primary } = operator
  await operator.exclusively(async () => {
    const successor = successorOf(operator, nodes, record)
    if (successor === undefined || operator.primary !== primary) throw refused(name, 'no follower gets the log')
    await primary.stop(SHUTDOWN_MS_MAX)
    if ((await primary.fence(SHUTDOWN_MS_MAX)).length > 0) throw refused(name, 'the primary does not end')
    const control = await readControlFile(primary.paths.data)
    // The last thing in its log is the checkpoint of its shutdown, which begins at this position.
    const end = control?.wasShutDown === true ? control.checkpoint : undefined
    if (end === undefined) throw refused(name, 'the primary was not shut down in order')
    const deadlineMs = clock.nowMs() + CATCH_UP_MS_MAX
    while ((await statusOf(successor, clock)).flushed <= end) {
      if (clock.nowMs() >= deadlineMs) throw refused(name, `${successor.name} has not got the end of the log`)
      await sleep(clock, LOOK_MS)
    }
    await operator.followers.release(successor.id)
    await record.change((now) => ({ ...now, primary: successor.id, term: termOf(now) + 1, synchronous: undefined }))
  })
}

/** The standby, else the follower that is least behind. */
function successorOf(
  { followers: { keepers }, watch }: ClusterOperator,
  nodes: ReadonlyMap<number, ClusterNode>,
  record: RecordKeeper,
): ClusterNode | undefined {
  const followers = [...keepers.values()].filter(({ state }) => state.kind === 'following').map(({ node }) => node)
  const standby = followers.find(({ id }) => id === record.current.synchronous)
  const replayed = ({ id }: ClusterNode): bigint => watch.status?.followers.get(id)?.replayed ?? 0n
  const best = standby ?? followers.toSorted((a, b) => Number(replayed(b) - replayed(a)))[0]
  return best === undefined ? undefined : nodes.get(best.id)
}

function refused(name: string, why: string): TenfoldError {
  return new TenfoldError('TF_SWITCHOVER_REFUSED', `expected a follower of ${name} to take over, but ${why}`, {
    hint: 'see "tenfold status"; the primary goes on, or is started again',
  })
}
