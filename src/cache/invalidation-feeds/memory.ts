import type { FeedPosition, Invalidation, InvalidationFeed } from '../invalidation-feed.ts'

/** A feed in this process. */
export interface MemoryFeed extends InvalidationFeed {
  /** Forgets what was published so far, as retention does: readers that have not read it find a gap. */
  trim(): void
}

/** Invalidations that are kept; who is further behind finds a gap. */
const KEPT_MAX = 10_000

/** A feed for caches of one process, and for tests. A transaction's invalidations are published when it has committed. */
export function createMemoryFeed(): MemoryFeed {
  const wakes = new Set<() => void>()
  let kept: Invalidation[] = []
  /** Of the first that is kept. */
  let first = 0

  function add(invalidations: readonly Invalidation[]): void {
    kept.push(...invalidations)
    if (kept.length > 2 * KEPT_MAX) {
      first += kept.length - KEPT_MAX
      kept = kept.slice(-KEPT_MAX)
    }
    for (const wake of wakes) wake()
  }

  return {
    async publish(invalidations, { transaction } = {}) {
      if (transaction === undefined) add(invalidations)
      else transaction.afterCommit(() => add(invalidations))
    },
    async read(after) {
      const end: MemoryPosition = { next: first + kept.length }
      const next = (after as MemoryPosition | undefined)?.next ?? -1
      if (next < first) return { invalidations: [], position: end, hasGap: true, isAtEnd: true }
      return { invalidations: kept.slice(next - first), position: end, hasGap: false, isAtEnd: true }
    },
    onWake(callback) {
      wakes.add(callback)
      return () => void wakes.delete(callback)
    },
    trim() {
      first += kept.length
      kept = []
    },
  }
}

interface MemoryPosition extends FeedPosition {
  readonly next: number
}
