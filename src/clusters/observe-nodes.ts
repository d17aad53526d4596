import type { ObservedNode } from './arbiter.ts'
import type { ClusterNode } from './node.ts'
import type { PrimaryWatch } from './primary-watch.ts'
import type { LogPosition } from '../sql/log-position.ts'

/** What is missing that holds up nobody who waits for it. */
const CLOSE_BYTES = 1n << 20n

/** What the arbiter is told of the nodes. */
export function observeNodes(options: {
  readonly nodes: Iterable<ClusterNode>
  readonly primary: number
  readonly watch: PrimaryWatch
  /** What did not wait for the follower that is waited for is before this. */
  readonly barrier: LogPosition | undefined
  /** For how long the follower that may take over has not answered. */
  readonly successorSilentMs: number
}): readonly ObservedNode[] {
  const { watch, barrier } = options
  const { status } = watch
  return [...options.nodes].map(({ id, condition, zone }) => {
    const seen = status?.followers.get(id)
    return {
      id,
      server: condition === 'starting' ? 'dead' : condition,
      zone,
      silentMs: id === options.primary ? watch.silentMs() : options.successorSilentMs,
      isStreaming: seen?.isStreaming === true,
      behindMs: watch.behindMs(id),
      isClose: seen !== undefined && status !== undefined && status.flushed - seen.flushed <= CLOSE_BYTES,
      hasCaughtUp: seen !== undefined && barrier !== undefined && seen.flushed >= barrier,
    }
  })
}
