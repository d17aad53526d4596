import { unlessAborted } from '../core/unless-aborted.ts'
import type { FollowerKeeper, FollowerOptions } from './follower-keeper.ts'
import { keepFollower } from './follower-keeper.ts'
import type { ClusterNode } from './node.ts'
import type { NodeRole } from './node-role.ts'
import type { LogPosition } from '../sql/log-position.ts'

/** The nodes of a cluster that are kept following. */
export interface Followers {
  readonly keepers: ReadonlyMap<number, FollowerKeeper>
  /** Keeps a node, and tells one that is kept already whom it follows now. */
  keep(node: ClusterNode): Promise<void>
  /** Ends the keeping of a node; its server runs on. */
  release(node: number): Promise<void>
  releaseAll(): Promise<void>
}

/** @param options what keepers share; `roleOf` tells each whom it follows */
export function createFollowers(
  options: Pick<FollowerOptions, 'user' | 'clock' | 'primary' | 'onChange'> & {
    roleOf(node: number): NodeRole
    isStreaming(node: number): boolean
    flushed(node: number): LogPosition | undefined
    beforeRebuild(node: number): Promise<void>
  },
): Followers {
  const keepers = new Map<number, FollowerKeeper>()

  async function release(node: number): Promise<void> {
    const keeper = keepers.get(node)
    keepers.delete(node)
    await keeper?.release()
  }

  return {
    keepers,
    release,
    async keep(node) {
      const { id } = node
      if (keepers.has(id)) return node.tell(options.roleOf(id))
      const keeper = keepFollower({
        ...options,
        node,
        role: () => options.roleOf(id),
        isStreaming: () => options.isStreaming(id),
        flushed: () => options.flushed(id),
        // Whoever releases the node may hold up what is waited for here.
        beforeRebuild: (signal) => unlessAborted(options.beforeRebuild(id), signal, `${node.name} to be replaced`),
      })
      keepers.set(id, keeper)
    },
    async releaseAll() {
      await Promise.all([...keepers.keys()].map(release))
    },
  }
}
