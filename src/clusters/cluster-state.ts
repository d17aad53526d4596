import type { Component } from '../core/component.ts'
import type { Subprocess } from '../core/subprocess.ts'

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
   * Where services find the database, as its owner. The same across restarts of the server.
   *
   * @throws TF_NOT_RUNNING before the first start
   */
  url(): string
  /** The same database as superuser, for the control plane. @throws TF_NOT_RUNNING before the first start */
  adminUrl(): string
}
