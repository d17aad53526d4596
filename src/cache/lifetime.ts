import type { Random } from '../core/random.ts'

/** How long values are served; all in milliseconds. */
export interface LifetimeRules {
  readonly ttlMs: number
  readonly absentTtlMs: number
  readonly staleWhileRevalidateMs: number
  readonly staleIfErrorMs: number
  /** How early a value is loaded again, in multiples of the time that loading takes; 0 for never. */
  readonly earlyRefresh: number
}

/** Moments of the monotonic clock, each not before the one above it. */
export interface Lifetime {
  /** Until then it is served without a question. */
  readonly freshUntilMs: number
  /** Until then it is served while somebody loads it again. */
  readonly staleUntilMs: number
  /** Until then it is served where loading fails. */
  readonly spareUntilMs: number
}

/** Values that were stored together do not expire together. */
const JITTER = 0.1

/**
 * The life of a value that was loaded from `beganMs` to `endedMs`. It counts from the beginning: what was read may be as old
 * as that.
 *
 * The early refresh is that of Vattani, Chierichetti and Lowenstein, "Optimal probabilistic cache stampede prevention" (VLDB
 * 2015): load again from `expiry − δ·β·Exp(1)` on, where δ is the time that loading takes. Here it is drawn once for a value and
 * not at each hit: in one process only one load is under way, and processes draw for themselves.
 */
export function lifetimeOf(
  rules: LifetimeRules,
  loaded: {
    readonly beganMs: number
    readonly endedMs: number
    readonly isAbsent: boolean
    /** What the load has asked for. @default that of the rules */
    readonly ttlMs?: number | undefined
  },
  random: Random,
): Lifetime {
  const { beganMs, endedMs, isAbsent } = loaded
  const ttlMs = loaded.ttlMs ?? (isAbsent ? rules.absentTtlMs : rules.ttlMs)
  const jitteredMs = ttlMs * (1 + JITTER * (2 * random.next() - 1))
  const expiresMs = beganMs + jitteredMs
  if (isAbsent) return { freshUntilMs: expiresMs, staleUntilMs: expiresMs, spareUntilMs: expiresMs }
  const earlyMs = rules.earlyRefresh === 0 ? 0 : (endedMs - beganMs) * random.exponential(rules.earlyRefresh)
  const staleUntilMs = expiresMs + rules.staleWhileRevalidateMs
  return {
    // Half of its life is its own, however slow loading was just then.
    freshUntilMs: expiresMs - Math.min(earlyMs, jitteredMs / 2),
    staleUntilMs,
    spareUntilMs: Math.max(staleUntilMs, expiresMs + rules.staleIfErrorMs),
  }
}
