import type { Random } from '../../../core/random.ts'
import type { Balancer, Candidate } from '../balancer.ts'

/** Up to this many instances all are looked at; two random ones of more. */
const SCAN_MAX = 3

/** What one request more costs at a candidate, and how far apart two costs must be to differ: a factor, 1 or more. */
export interface P2cCost {
  costOf(candidate: Candidate, nowMs: number): number
  readonly tie: number
}

/**
 * The power of two choices: of two random instances the cheaper one (Mitzenmacher, 2001), a tie broken at random. Never
 * picks a full one.
 */
export function createP2c(random: Random, { costOf, tie }: P2cCost): Balancer {
  function pick<T extends Candidate>(candidates: readonly T[], nowMs: number, avoid?: T): T | undefined {
    if (candidates.length === 1) {
      const only = candidates[0] as T
      return only.isFull ? undefined : only
    }
    return (
      (candidates.length > SCAN_MAX ? ofTwo(candidates, nowMs, avoid) : undefined) ?? ofAll(candidates, nowMs, avoid)
    )
  }

  function ofTwo<T extends Candidate>(candidates: readonly T[], nowMs: number, avoid: T | undefined): T | undefined {
    const first = random.integer(candidates.length)
    // Drawn from the others, so that the two are never the same one.
    const drawn = random.integer(candidates.length - 1)
    const a = candidates[first] as T
    const b = candidates[drawn < first ? drawn : drawn + 1] as T
    const isUsable = (candidate: T): boolean => !candidate.isFull && candidate !== avoid
    if (!isUsable(a) || !isUsable(b)) return isUsable(a) ? a : isUsable(b) ? b : undefined
    return cheaper(a, costOf(a, nowMs), b, costOf(b, nowMs), 2)
  }

  function ofAll<T extends Candidate>(candidates: readonly T[], nowMs: number, avoid: T | undefined): T | undefined {
    let best: T | undefined
    let bestCost = Infinity
    let tied = 1
    for (const candidate of candidates) {
      if (candidate.isFull || candidate === avoid) continue
      const cost = costOf(candidate, nowMs)
      if (best === undefined) {
        best = candidate
        bestCost = cost
        continue
      }
      const isTie = cost <= bestCost * tie && bestCost <= cost * tie
      tied = isTie ? tied + 1 : 1
      const chosen: T = cheaper(best, bestCost, candidate, cost, tied)
      if (chosen === candidate) bestCost = cost
      best = chosen
    }
    return best ?? (avoid === undefined || avoid.isFull || !candidates.includes(avoid) ? undefined : avoid)
  }

  /** Of `tied` equals the newcomer wins with probability 1/tied, which makes each as likely as the others. */
  function cheaper<T extends Candidate>(best: T, bestCost: number, other: T, cost: number, tied: number): T {
    if (cost * tie < bestCost) return other
    if (bestCost * tie < cost) return best
    return random.next() * tied < 1 ? other : best
  }

  return { pick }
}
