/** Where it is told of each item that was given up, as `GivenUpItem`. */
export const ITEM_GIVEN_UP_CHANNEL = 'tenfold:queues:given-up'

/** Published on `ITEM_GIVEN_UP_CHANNEL`. */
export interface GivenUpItem {
  readonly queue: string
  readonly itemId: string
  readonly cause: string
}

/** Where it is told of each call of a handler, as `HandledItems`. */
export const HANDLED_CHANNEL = 'tenfold:queues:handled'

/** Published on `HANDLED_CHANNEL`. */
export interface HandledItems {
  readonly queue: string
  readonly count: number
  readonly durationMs: number
  readonly hasFailed: boolean
  readonly isRetry: boolean
  /** Time in which the worker had more to do than it could, since it was last told. */
  readonly busyMs: number
  /** Items, or shares of them, that were done in such a time: over `busyMs` of many calls, what it can do. */
  readonly busyCount: number
}
