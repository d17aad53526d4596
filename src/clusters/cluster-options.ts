import type { ChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import type { Duration } from '../core/duration.ts'
import type { ResourceLimits } from '../core/resource-limits.ts'
import type { Size } from '../core/size.ts'
import type { Subprocesses } from '../core/subprocess.ts'
import type { ClusterState } from './cluster-state.ts'
import type { ClusterTemplate } from './initialise-data.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'

/** What a cluster is made of. */
export interface ClusterOptions {
  /** Name of the cluster, its database and the role that owns it: letters, digits, `_`, `-`; at most 63. */
  name: string
  /** The cluster's own directory: data, passwords and lock. Made if need be; `user` must be able to enter it. */
  dataDirectory: string
  binaries: PostgresBinaries
  subprocesses: Subprocesses
  /** Directory for the Unix socket, short (107 bytes with the socket), that only `user` can enter: `childRuntimeDirectory`. */
  socketDirectory: string
  /** File that the server's log is appended to. */
  logFile: string
  /** Account that runs the server; required when we are root. */
  user?: ChildUser | undefined
  limits?: ResourceLimits | undefined
  /** Port on 127.0.0.1; a taken one is an error. @default the port of the last start if it is free, else a free one */
  port?: number | undefined
  /** @default '32MiB' */
  sharedBuffers?: Size
  /** @default 100 */
  connectionsMax?: number
  /** How long one start may take, recovery included. @default '10m' */
  startTimeout?: Duration
  /**
   * Finished parts of the log are put into the spool of the cluster (`clusterPathsOf`), after this time at the latest;
   * who set this has to empty it. @default no archive
   */
  archiveEvery?: Duration | undefined
  /**
   * Nodes that copy the primary's log, and what they are for.
   * @default none
   */
  followers?: FollowerOptions | undefined
  /** Labels of places that nodes spread over. @default none */
  zones?: readonly string[] | undefined
  /** For tests: the port at which a follower reaches another node. @default that of the node */
  linkPort?: ((follower: number, node: number) => number) | undefined
  /** For tests: copied instead of running initdb. */
  template?: ClusterTemplate | undefined
  /** @default the machine's clock */
  clock?: Clock
  /** Called at each change, also of the nodes, the address and the alarm; must not throw. */
  onState?: (state: ClusterState) => void
}

/** What follows the primary of a cluster. */
export interface FollowerOptions {
  /** How many. */
  readonly count: number
  /** Whether COMMIT waits until one of them has it; that one takes over when the primary dies. */
  readonly isSynchronous: boolean
  /**
   * What becomes of writes while no follower is there to wait for: `required` lets them wait, `preferred` records that
   * nobody can take over, raises an alarm and goes on.
   */
  readonly durability: 'required' | 'preferred'
}
