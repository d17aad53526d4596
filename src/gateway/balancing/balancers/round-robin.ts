import type { Balancer, Candidate } from '../balancer.ts'

/**
 * One after the other, by weight and evenly spread: of weights 2, 1, 1 the order is a b c a, not a a b c (the smooth
 * weighted round robin of nginx). A full instance misses its turn.
 *
 * @example createRoundRobin().pick(instances, clock.nowMs())
 */
export function createRoundRobin(): Balancer {
  /** What each is owed; they sum to 0. */
  const credits = new WeakMap<Candidate, number>()
  return {
    pick(candidates, _nowMs, avoid) {
      let best: (typeof candidates)[number] | undefined
      let bestCredit = -Infinity
      let total = 0
      for (const candidate of candidates) {
        if (candidate.isFull || candidate === avoid) continue
        const credit = (credits.get(candidate) ?? 0) + candidate.weight
        credits.set(candidate, credit)
        total += candidate.weight
        if (credit <= bestCredit) continue
        best = candidate
        bestCredit = credit
      }
      if (best !== undefined) {
        credits.set(best, bestCredit - total)
        return best
      }
      return avoid === undefined || avoid.isFull || !candidates.includes(avoid) ? undefined : avoid
    },
  }
}
