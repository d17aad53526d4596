/** How many requests each key may make. */
export interface RateRule {
  readonly requests: number
  readonly perMs: number
  /** So many may come at once after a pause. */
  readonly burst: number
}

/** A bucket of tokens for each key, for so many keys at most. */
export interface TokenBuckets {
  /** Takes a token: 0, or how long until there is one, in milliseconds. */
  take(key: string, nowMs: number): number
  readonly size: number
}

/** Keys that are remembered; of more the one that was quiet longest is forgotten, and has a full bucket again. */
const KEYS_MAX = 100_000
/** Full buckets that are dropped at most whenever one is added. */
const DROPPED_AT_ONCE = 2

/**
 * Token buckets as the generic cell rate algorithm keeps them (ITU-T I.371): one number for a key, the time at which its
 * bucket will be full again.
 *
 * @example createTokenBuckets({ requests: 10, perMs: 1_000, burst: 1 }).take('10.0.0.1', 0) // 0, and 100 if asked again
 */
export function createTokenBuckets({ requests, perMs, burst }: RateRule, keysMax: number = KEYS_MAX): TokenBuckets {
  const tokenMs = perMs / requests
  const fullMs = new Map<string, number>()

  function makeRoom(nowMs: number): void {
    let dropped = 0
    for (const [key, atMs] of fullMs) {
      if (fullMs.size < keysMax && (atMs > nowMs || dropped >= DROPPED_AT_ONCE)) return
      fullMs.delete(key)
      dropped += 1
    }
  }

  return {
    take(key, nowMs) {
      const known = fullMs.get(key)
      const nextMs = Math.max(known ?? nowMs, nowMs) + tokenMs
      // A millionth of slack, for sums of fractions.
      const waitMs = nextMs - nowMs - burst * tokenMs
      if (waitMs > 1e-6) return waitMs
      if (known === undefined) makeRoom(nowMs)
      else fullMs.delete(key)
      fullMs.set(key, nextMs)
      return 0
    },
    get size() {
      return fullMs.size
    },
  }
}
