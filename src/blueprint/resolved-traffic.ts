/** How the gateway treats the requests of a service, every default filled in. */
export interface ResolvedTraffic {
  readonly balance: ResolvedBalance
  /** How long a new instance takes to get its whole share; 0: it gets it at once. */
  readonly slowStartMs: number
  /** Requests under way to one instance: from `soft` on others are preferred, at `hard` it takes no more. */
  readonly inFlight: { readonly soft: number; readonly hard: number }
  /** `timeoutMs` undefined: a request waits as long as the service may take. */
  readonly queue: { readonly length: number; readonly timeoutMs: number | undefined }
  /** The gateway's own health checks; undefined: it makes none. */
  readonly probe: ResolvedProbe | undefined
  /** When an instance that answers badly gets nothing for a while; undefined: never. */
  readonly ejection: ResolvedEjection | undefined
  /** With a smaller share of instances that are well, all get requests. */
  readonly panicBelow: number
  /** What each client may ask through the public listener; undefined: as much as it likes. */
  readonly rate: ResolvedRate | undefined
  /** The service gets as many requests at a time as it answers without getting slower; undefined: what `inFlight` allows. */
  readonly adaptive: ResolvedAdaptive | undefined
  /** Which requests are turned away first; undefined: all are alike. */
  readonly shed: ResolvedShed | undefined
  /** Of the body of a request; undefined: it may be of any length. */
  readonly bodyBytesMax: number | undefined
}

export interface ResolvedAdaptive {
  /** Requests for each instance that it begins with, and has at least. */
  readonly start: number
}

export interface ResolvedShed {
  /** In lower case. */
  readonly header: string
  /** Its values, in lower case. */
  readonly low: readonly string[]
  /** Of the requests that a service can have at a time. */
  readonly share: number
}

export interface ResolvedRate {
  readonly requests: number
  readonly perMs: number
  /** So many may come at once after a pause. */
  readonly burst: number
  readonly key: ResolvedRequestKey
}

export interface ResolvedProbe {
  readonly path: string
  readonly intervalMs: number
  readonly timeoutMs: number
  /** So many in a row take an instance out. */
  readonly failures: number
  /** So many in a row bring it back. */
  readonly successes: number
}

export interface ResolvedEjection {
  /** So many failures in a row eject an instance. */
  readonly after: number
  /** How long for, times the ejections in a row. */
  readonly forMs: number
  /** Share of the instances that may be out at the same time; one always may. */
  readonly atMost: number
}

export type ResolvedBalance =
  | { readonly by: 'peak-ewma' | 'least-requests' | 'round-robin' }
  | { readonly by: 'ring-hash'; readonly key: ResolvedRequestKey }

/** Header names are in lower case. */
export type ResolvedRequestKey = 'client' | { readonly header: string } | { readonly cookie: string }

/** Requests with this value of a header or a cookie. */
export interface RequestMatch {
  readonly key: Exclude<ResolvedRequestKey, 'client'>
  readonly value: string
}

/** Requests under way to one instance at most, whatever a blueprint says: each may need a connection. */
export const IN_FLIGHT_MAX = 1_024
/** Requests that wait for one service at most, whatever a blueprint says. */
export const QUEUE_LENGTH_MAX = 65_536

/** What holds where a blueprint says nothing. */
export const DEFAULT_TRAFFIC: ResolvedTraffic = {
  balance: { by: 'peak-ewma' },
  slowStartMs: 0,
  inFlight: { soft: 128, hard: 128 },
  queue: { length: 1_024, timeoutMs: undefined },
  probe: undefined,
  ejection: { after: 5, forMs: 30_000, atMost: 0.1 },
  panicBelow: 0.5,
  rate: undefined,
  adaptive: undefined,
  shed: undefined,
  bodyBytesMax: undefined,
}
