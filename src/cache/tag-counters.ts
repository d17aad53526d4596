/** A tag, as what carries it sees it. */
export interface TagCounter {
  readonly tag: string
  /** When it was invalidated last, in the order of the invalidations that the cache has seen; 0 for never. */
  readonly invalidatedAt: number
}

/**
 * When each tag was invalidated last, as far as anybody needs it: for tags that something carries, and for those that were
 * invalidated since the oldest load under way began, which may still name them. Invalidating a tag takes the same time
 * however many values carry it.
 */
export interface TagCounters {
  /** What is marked with the tag holds it; so does a load that has named it. */
  hold(tag: string): TagCounter
  release(counters: readonly TagCounter[]): void
  /** @param isLoading whether a load is under way, which may name the tag later */
  invalidate(tag: string, sequence: number, isLoading: boolean): void
  /** Forgets what no load that began at `oldest` or later needs, by the sequence at its beginning. */
  forgetBefore(oldest: number): void
  /** Of what began before this, nobody knows any more which tags were invalidated since. */
  readonly knownSince: number
  readonly size: number
}

/** Whether one of the tags was invalidated since. */
export function isOutdated(counters: readonly TagCounter[], since: number): boolean {
  for (const { invalidatedAt } of counters) if (invalidatedAt > since) return true
  return false
}

/** Tags that only loads under way may need. */
const UNHELD_MAX = 10_000

/** @param unheldMax tags that are remembered for loads under way; for tests */
export function createTagCounters(unheldMax: number = UNHELD_MAX): TagCounters {
  interface Counter {
    tag: string
    invalidatedAt: number
    holders: number
  }
  const counters = new Map<string, Counter>()
  /** Invalidated while a load was under way, the longest ago first. */
  const recent = new Map<string, Counter>()
  let knownSince = 0

  function forget(counter: Counter): void {
    recent.delete(counter.tag)
    if (counter.holders === 0) counters.delete(counter.tag)
  }

  return {
    hold(tag) {
      let counter = counters.get(tag)
      if (counter === undefined) {
        counter = { tag, invalidatedAt: 0, holders: 0 }
        counters.set(tag, counter)
      }
      counter.holders++
      return counter
    },
    release(those) {
      for (const { tag } of those) {
        const counter = counters.get(tag)
        if (counter !== undefined && --counter.holders === 0 && !recent.has(tag)) counters.delete(tag)
      }
    },
    invalidate(tag, sequence, isLoading) {
      let counter = counters.get(tag)
      if (counter === undefined) {
        if (!isLoading) return
        counter = { tag, invalidatedAt: 0, holders: 0 }
        counters.set(tag, counter)
      }
      counter.invalidatedAt = sequence
      if (!isLoading) return
      recent.delete(tag)
      recent.set(tag, counter)
      if (recent.size <= unheldMax) return
      const [oldest] = recent.values()
      if (oldest === undefined) return
      knownSince = oldest.invalidatedAt
      forget(oldest)
    },
    forgetBefore(oldest) {
      for (const counter of recent.values()) {
        if (counter.invalidatedAt > oldest) return
        forget(counter)
      }
    },
    get knownSince() {
      return knownSince
    },
    get size() {
      return counters.size
    },
  }
}
