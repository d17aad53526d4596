/** The keys that come most often in a stream of any length, in a fixed space. */
export interface HeavyHitters<Key> {
  add(key: Key): void
  /** How many were added. */
  readonly total: number
  /**
   * The keys that are known, those that came most often first. Each came at least `countMin` times, and at most `errorMax` more; a
   * key that is missing came `errorMax` times at most.
   */
  top(count: number): readonly HeavyHitter<Key>[]
  /** `total / (capacity + 1)`, rounded down, is its limit. */
  readonly errorMax: number
  reset(): void
}

export interface HeavyHitter<Key> {
  readonly key: Key
  readonly countMin: number
}

/**
 * By Misra and Gries ("Finding repeated elements", 1982): a counter for each of so many keys; one that finds no counter takes
 * one from each. That has been added before for every one that is taken, so the mean cost of an addition is constant.
 *
 * @param capacity how many counters; every key with more than 1 / (capacity + 1) of the stream is among them
 */
export function createHeavyHitters<Key>(capacity: number): HeavyHitters<Key> {
  const counters = new Map<Key, number>()
  let total = 0
  let errorMax = 0

  function takeFromEach(): void {
    errorMax++
    for (const [key, count] of counters) {
      if (count === 1) counters.delete(key)
      else counters.set(key, count - 1)
    }
  }

  return {
    add(key) {
      total++
      const count = counters.get(key)
      if (count !== undefined) counters.set(key, count + 1)
      else if (counters.size < capacity) counters.set(key, 1)
      else takeFromEach()
    },
    get total() {
      return total
    },
    get errorMax() {
      return errorMax
    },
    top(count) {
      return [...counters]
        .toSorted(([, a], [, b]) => b - a)
        .slice(0, count)
        .map(([key, countMin]) => ({ key, countMin }))
    },
    reset() {
      counters.clear()
      total = 0
      errorMax = 0
    },
  }
}
