import type { Component } from '../core/component.ts'
import type { Subprocess } from '../core/subprocess.ts'
import type { Admission } from './service-roles.ts'

/** What a cluster is doing. */
export type ClusterState =
  | { readonly kind: 'stopped' }
  /** initdb runs. */
  | { readonly kind: 'initialising' }
  | { readonly kind: 'starting' }
  /** The last server did not stop in order: it replays its log before it answers. */
  | { readonly kind: 'recovering' }
  | { readonly kind: 'ready' }
  /** The server ended by itself, or did not come up again; the next attempt is after `delayMs`. */
  | { readonly kind: 'backing-off'; readonly reason: string; readonly attempt: number; readonly delayMs: number }
  | { readonly kind: 'stopping' }
  /** `start` was refused; its error says why. */
  | { readonly kind: 'failed'; readonly reason: string }

/** A node of a cluster, as it is now. */
export interface NodeStatus {
  readonly id: number
  readonly role: 'primary' | 'standby' | 'replica'
  readonly state: 'starting' | 'cloning' | 'ready' | 'waiting' | 'failed'
  readonly reason?: string
  readonly zone?: string
  readonly port?: number
  readonly process?: Subprocess
  /** Of a follower: what it has not shown to its readers yet, in bytes of the log. */
  readonly lagBytes?: number
}

/** Writes are not protected as they should be, or nobody can take over. */
export interface ClusterAlarm {
  readonly reason: string
  readonly sinceEpochMs: number
}

/** A PostgreSQL cluster that holds one database, ours to run or somebody else's. */
export interface Cluster extends Component {
  /** Also the name of its database and of the role that owns it. */
  readonly name: string
  readonly state: ClusterState
  /** Version of the server, `'18.4'`; undefined until it is known. */
  readonly version: string | undefined
  /** Port on the loopback interface; undefined before the first start, and for somebody else's server. */
  readonly port: number | undefined
  /** The server's process, for its CPU and memory; undefined while it does not run, and for somebody else's server. */
  readonly process: Subprocess | undefined
  /**
   * From now on servers run within their CPU limit once they are ready. Before that they may use the whole machine, so
   * that migrations and seeds do not take ten times as long on a small node.
   */
  holdToLimits(): void
  /**
   * The database as its owner, who makes and changes tables. The same across restarts of the server.
   *
   * @throws TF_NOT_RUNNING before the first start
   */
  url(): string
  /** The same database as superuser, for the control plane. @throws TF_NOT_RUNNING before the first start */
  adminUrl(): string
  /**
   * Gives exactly these services a role of their own, which can do what they are admitted for and nothing else; what others
   * had ends. On somebody else's server nothing happens: there, services have the role of its URL.
   */
  admit(services: Readonly<Record<string, Admission>>): Promise<void>
  /** Where a service finds the database, as its own role. @throws TF_NOT_RUNNING before it was admitted */
  serviceUrl(service: string): string
  /** Nodes that take reads of a service now. Throws as `serviceUrl`. */
  replicaUrls(service: string): readonly string[]
  /** Which primary it is, counted from 1; undefined for somebody else's server. */
  readonly term: number | undefined
  /** Those that run or should; empty for somebody else's server. */
  readonly nodes: readonly NodeStatus[]
  readonly alarm: ClusterAlarm | undefined
  /** How often another node has taken over since the start. */
  readonly failovers: number
  /**
   * Hands the writes over to a follower, without losing any: sessions of the primary are cut off, it is shut down, and the
   * follower takes over once it has the whole log.
   *
   * @throws TF_SWITCHOVER_REFUSED no follower can take over now; the primary goes on
   */
  switchover(): Promise<void>
}
