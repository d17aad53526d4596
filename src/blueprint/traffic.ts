import type { Duration } from '../core/duration.ts'

/** What of a request decides where a ring hash sends it; a request that has none of it goes to any instance. */
export type BalanceKey =
  /** The address of the client. */
  | 'client'
  /** The value of a header. */
  | { header: string }
  /** The value of a cookie. */
  | { cookie: string }

/**
 * How an instance is chosen.
 *
 * - `peak-ewma`: the cheaper of two by requests under way and latency · `least-requests`: by requests under way alone
 * - `round-robin`: one after the other, by weight
 * - `ring-hash`: requests with the same key go to the same instance while it has room, and few keys move when instances
 *   come and go
 */
export type Balance = { by: 'peak-ewma' | 'least-requests' | 'round-robin' } | { by: 'ring-hash'; key: BalanceKey }

/** Requests that one instance has at a time. */
export interface InFlight {
  /**
   * From here on other instances are preferred.
   * @default hard
   * @example soft: 20
   */
  soft?: number
  /**
   * More wait in the gateway; 1,024 at most.
   * @default 128
   * @example hard: 64
   */
  hard?: number
}

/** Requests that wait in the gateway for an instance with room. */
export interface Queue {
  /**
   * How many wait; one more is answered 503. With 0 nothing waits.
   * @default 1024
   * @example length: 100
   */
  length?: number
  /**
   * A request that has waited so long is answered 503.
   * @default the service's timeout
   * @example timeout: '1s'
   */
  timeout?: Duration
}

/** How the gateway treats the requests of a service. All of it can be changed while the system runs. */
export interface Traffic {
  /**
   * How an instance is chosen: by `'peak-ewma'`, `'least-requests'`, `'round-robin'` or `'ring-hash'`, which has a `key`.
   * @default { by: 'peak-ewma' }
   * @example balance: { by: 'ring-hash', key: { header: 'x-user' } }
   */
  balance?: Balance
  /**
   * A new instance gets a tenth of its share at first, and all of it after this time. Not with a ring hash.
   * @default none, all at once
   * @example slowStart: '30s'
   */
  slowStart?: Duration
  /**
   * Requests that one instance has at a time.
   * @default { hard: 128 }
   * @example inFlight: { soft: 20, hard: 64 }
   */
  inFlight?: InFlight
  /**
   * Requests that wait for an instance with room.
   * @default { length: 1024 }
   * @example queue: { length: 100, timeout: '1s' }
   */
  queue?: Queue
}
