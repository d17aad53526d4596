import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import type { Clock } from '../core/clock.ts'
import { runLoad } from '../load/run-load.ts'
import type { DrillUsers } from './drill-report.ts'

/** The users of the blueprint's load, while something else happens. */
export interface Users {
  /** What they have seen so far. */
  readonly seen: DrillUsers
  /** Sends them home. Never rejects. */
  end(): Promise<void>
}

/** Longer than any drill. */
const ENOUGH_MS = 3_600_000

/** Lets users come evenly, at a share of the peak; without a load in the blueprint, or a share of 0, none come. */
export function startUsers(options: {
  readonly blueprint: Pick<ResolvedBlueprint, 'load' | 'directory'>
  readonly target: string | undefined
  readonly times: number
  readonly seed: number
  readonly clock: Clock
}): Users {
  const { blueprint, target, times, seed, clock } = options
  const { load, directory } = blueprint
  const over = new AbortController()
  const seen = { requests: 0, failed: 0, latencyMsP95: 0 }
  if (load === undefined || target === undefined || times === 0) return { seen, end: () => Promise.resolve() }
  const coming = runLoad(
    {
      target,
      scenarios: load.scenarios,
      arrivals: { shape: 'poisson' },
      peakPerSecond: load.peakPerSecond * times,
      durationMs: ENOUGH_MS,
      warmupMs: 0,
      seed,
      directory,
      signal: over.signal,
      onSecond({ completed, failed, latencyMsP95 }) {
        seen.requests += completed
        seen.failed += failed
        seen.latencyMsP95 = Math.max(seen.latencyMsP95, latencyMsP95)
      },
    },
    clock,
    // It ends only because we end it.
  ).catch(() => undefined)
  return {
    seen,
    async end() {
      over.abort()
      await coming
    },
  }
}
