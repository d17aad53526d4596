import type { Duration } from '../core/duration.ts'
import type { Size } from '../core/size.ts'

/** What tells the requests of different users apart. */
export type RequestKey =
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
export type Balance = { by: 'peak-ewma' | 'least-requests' | 'round-robin' } | { by: 'ring-hash'; key: RequestKey }

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

/** The gateway's own health checks of every instance, on the service's `health` path. */
export interface Probe {
  /**
   * How often an instance is asked.
   * @default '5s'
   * @example interval: '2s'
   */
  interval?: Duration
  /**
   * An answer that takes longer is a failure.
   * @default '1s'
   * @example timeout: '500ms'
   */
  timeout?: Duration
  /**
   * So many failures in a row take an instance out.
   * @default 3
   * @example failures: 2
   */
  failures?: number
  /**
   * So many successes in a row bring it back.
   * @default 2
   * @example successes: 1
   */
  successes?: number
}

/** When an instance that answers badly gets no requests for a while. */
export interface Ejection {
  /**
   * So many failures in a row: answers with 5xx, broken or refused connections, answers that do not begin in time.
   * @default 5
   * @example after: 10
   */
  after?: number
  /**
   * How long it gets no requests, times the ejections in a row; not longer than five minutes, or than this.
   * @default '30s'
   * @example for: '10s'
   */
  for?: Duration
  /**
   * Share of the instances that may be out at the same time; one always may.
   * @default 0.1
   * @example atMost: 0.3
   */
  atMost?: number
}

/** How much each client may ask for. */
export interface Rate {
  /**
   * So many requests in each period.
   * @example requests: 100
   */
  requests: number
  /**
   * The period.
   * @default '1s'
   * @example per: '1m'
   */
  per?: Duration
  /**
   * So many may come at once after a pause.
   * @default requests
   * @example burst: 20
   */
  burst?: number
  /**
   * Whose requests are counted together: `'client'` (an address), `{ header }` or `{ cookie }`; a request without it counts
   * for its address.
   * @default 'client'
   * @example key: { header: 'x-api-key' }
   */
  key?: RequestKey
}

/** A service gets as many requests at a time as it answers without getting slower. */
export interface Adaptive {
  /**
   * Requests for each instance that it begins with, and has at least; `inFlight.hard` at most.
   * @default 4
   * @example start: 10
   */
  start?: number
}

/** Which requests are turned away first. */
export interface Shed {
  /**
   * The header that says how important a request is.
   * @default 'x-priority'
   * @example header: 'x-kind'
   */
  header?: string
  /**
   * Its values for what can be done without; the case of letters does not count.
   * @example low: ['batch', 'prefetch']
   */
  low: readonly string[]
  /**
   * Of the requests that the service can have at a time, these get so much at most. They never wait.
   * @default 0.5
   * @example share: 0.2
   */
  share?: number
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
  /**
   * Health checks by the gateway itself; it goes on with them when the control plane, which makes some anyway, does not run.
   * @default none
   * @example probe: { interval: '2s' }
   */
  probe?: Probe
  /**
   * When an instance that answers badly gets no requests for a while.
   * @default { after: 5, for: '30s', atMost: 0.1 }
   * @example ejection: { after: 10, for: '10s' }
   */
  ejection?: Ejection | 'off'
  /**
   * With a smaller share of instances that are well, all get requests: a few could not bear what all were made for.
   * @default 0.5
   * @example panicBelow: 0.3
   */
  panicBelow?: number
  /**
   * How much each client may ask for through the public listener; more is answered 429 with `Retry-After`.
   * @default no limit
   * @example rate: { requests: 100, per: '1m' }
   */
  rate?: Rate
  /**
   * Finds out how many requests the service has at a time by how long they take, instead of by `inFlight` alone; more wait. Not
   * for services whose answers stay open.
   * @default none
   * @example adaptive: { start: 10 }
   */
  adaptive?: Adaptive
  /**
   * Requests that are turned away first, by a header, when there is much to do: 503 with `Retry-After`.
   * @default none
   * @example shed: { low: ['batch'] }
   */
  shed?: Shed
  /**
   * How long the body of a request may be; a longer one is answered 413.
   * @default no limit
   * @example body: '10MiB'
   */
  body?: Size
}
