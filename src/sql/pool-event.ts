import type { PoolStats } from './connection-pool.ts'

/** Where events of every pool of this process are published. */
export const POOL_CHANNEL = 'tenfold:sql:pool'

/** Published on `POOL_CHANNEL`. */
export interface PoolEvent extends PoolStats {
  readonly database: string
  /**
   * `waited`: a caller had to queue, or for a connection to open; `exhausted`: it gave up; `released`: it gave the
   * connection back; `opened`, `lost`: of connections.
   */
  readonly event: 'waited' | 'exhausted' | 'released' | 'opened' | 'lost'
  /** How long the caller queued, for `waited` and `exhausted`; how long it kept the connection, for `released`. */
  readonly waitMs: number
}
