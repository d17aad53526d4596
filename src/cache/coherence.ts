import type { CacheTransaction, Invalidation } from './invalidation-feed.ts'

/**
 * What the caches of one process share so that none of them serves what was invalidated elsewhere: the lease under which
 * what they keep counts, and the way of invalidations out and in.
 */
export interface Coherence {
  /** Looked at for each hit, so it is plain data. Only the coherence changes `validUntilMs`. */
  readonly lease: Lease
  /** Tells a cache of what is invalidated, here or elsewhere, by its name. Returns how to end it. */
  join(cache: string, member: CoherenceMember): () => void
  /**
   * Resolves when it is known whether what is kept may be served: true if all invalidations of up to now, but for a bounded
   * moment, have been told; false while they can't be read. Waits at most for a moment, and never rejects.
   */
  ready(): Promise<boolean>
  /** Tells all processes. Durable when it resolves, or when the transaction has committed. */
  publish(
    invalidations: readonly Invalidation[],
    options?: { readonly transaction?: CacheTransaction | undefined },
  ): Promise<void>
  /** Reads nothing any more: what is kept is not served from now on. Safe to call twice. */
  end(): void
}

/** When what is kept may be served. */
export interface Lease {
  /** By the monotonic clock: at this moment and later it may not. */
  readonly validUntilMs: number
  /** Set by whoever has relied on it; while nobody does, nothing is read. */
  wasUsed: boolean
}

/** A cache, as those see it who bring invalidations. */
export interface CoherenceMember {
  invalidate(invalidation: Invalidation): void
  /** Some invalidations will never be told: nothing that was kept, or is being loaded, counts. */
  reset(): void
}

/** What is kept is served for this long after the beginning of the last reading of the feed that came to its end. */
export const LEASE_MS = 2_000

/** The coherence of caches that nobody else has: each is told at once, and the lease never ends. */
export function createLocalCoherence(): Coherence {
  const members = new CoherenceMembers()
  return {
    lease: { validUntilMs: Infinity, wasUsed: false },
    join: (cache, member) => members.join(cache, member),
    ready: () => Promise.resolve(true),
    async publish(invalidations, { transaction } = {}) {
      if (transaction === undefined) members.tell(invalidations)
      else transaction.afterCommit(() => members.tell(invalidations))
    },
    end: () => undefined,
  }
}

/** Those who are told, by the names of their caches. */
export class CoherenceMembers {
  readonly #members = new Map<string, Set<CoherenceMember>>()

  join(cache: string, member: CoherenceMember): () => void {
    const those = this.#members.get(cache) ?? new Set()
    this.#members.set(cache, those.add(member))
    return () => {
      those.delete(member)
      if (those.size === 0 && this.#members.get(cache) === those) this.#members.delete(cache)
    }
  }

  tell(invalidations: readonly Invalidation[]): void {
    for (const invalidation of invalidations) {
      for (const member of this.#members.get(invalidation.cache) ?? []) member.invalidate(invalidation)
    }
  }

  reset(): void {
    for (const those of this.#members.values()) for (const member of those) member.reset()
  }
}
