import type { ResolvedService } from '../blueprint/resolved-blueprint.ts'

/** Downloads and WebSockets have no time-out of their own. */
const DRAIN_TIMEOUT_MS_DEFAULT = 30_000
/** What a route allows longer than that would hold up every release. */
const DRAIN_TIMEOUT_MS_MAX = 600_000

/**
 * How long requests in flight may take to end when an instance of a service leaves: as long as any of its requests may,
 * 30 seconds at least, 10 minutes at most.
 *
 * @example drainTimeoutMsOf({ ...reports, routeTimeoutsMs: { '/yearly': 120_000 } }) // 120,000
 */
export function drainTimeoutMsOf({
  requestTimeoutMs,
  routeTimeoutsMs = {},
}: Pick<ResolvedService, 'requestTimeoutMs' | 'routeTimeoutsMs'>): number {
  const longest = Math.max(DRAIN_TIMEOUT_MS_DEFAULT, requestTimeoutMs, ...Object.values(routeTimeoutsMs))
  return Math.min(DRAIN_TIMEOUT_MS_MAX, longest)
}
