/** How the gateway treats the requests of a service, every default filled in. */
export interface ResolvedTraffic {
  readonly balance: ResolvedBalance
  /** How long a new instance takes to get its whole share; 0: it gets it at once. */
  readonly slowStartMs: number
  /** Requests under way to one instance: from `soft` on others are preferred, at `hard` it takes no more. */
  readonly inFlight: { readonly soft: number; readonly hard: number }
  /** `timeoutMs` undefined: a request waits as long as the service may take. */
  readonly queue: { readonly length: number; readonly timeoutMs: number | undefined }
}

export type ResolvedBalance =
  | { readonly by: 'peak-ewma' | 'least-requests' | 'round-robin' }
  | { readonly by: 'ring-hash'; readonly key: ResolvedBalanceKey }

/** Header names are in lower case. */
export type ResolvedBalanceKey = 'client' | { readonly header: string } | { readonly cookie: string }

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
}
