import type { Duration } from '../core/duration.ts'

/** A route that is not treated as the others of its service. */
export interface Route {
  /**
   * The path prefix.
   * @example path: '/reports'
   */
  path: string
  /**
   * How long the gateway waits for the first byte of an answer, here; then 504. Calls from other services have the service's.
   * @default the service's timeout
   * @example timeout: '2m'
   */
  timeout?: Duration
}
