/**
 * The chance in the data set. Its own generator with its own seed, and not the one a seed module is given, which differs
 * by database: the monolith's one database and the two of the later system must hold the very same subscribers.
 */
export interface Dice {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform whole number in [0, bound). */
  integer(bound: number): number
  /** Exponential with the given mean. */
  exponential(mean: number): number
  /** One of a list, each as likely as the others. */
  pick<T>(items: readonly T[]): T
}

/** A generator that gives the same numbers for the same seed: mulberry32, 32 bits of state, plenty for made-up people. */
export function dice(seed: number): Dice {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
  return {
    next,
    integer: (bound) => Math.floor(next() * bound),
    exponential: (mean) => -Math.log(1 - next()) * mean,
    pick: <T>(items: readonly T[]) => items[Math.floor(next() * items.length)] as T,
  }
}

/** Draws from a list in proportion to whole-number weights. */
export function lottery<T>(shares: readonly (readonly [item: T, weight: number])[]): (dice: Dice) => T {
  const tickets = shares.flatMap(([item, weight]) => Array.from({ length: weight }, () => item))
  return (dice) => dice.pick(tickets)
}
