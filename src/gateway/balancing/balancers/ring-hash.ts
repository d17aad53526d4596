import type { Random } from '../../../core/random.ts'
import type { Balancer, Candidate } from '../balancer.ts'
import { hash32 } from '../hash32.ts'

/** Points of an instance of weight 1: the shares of equal instances then differ by about a tenth. */
const POINTS = 160
const POINTS_MAX = 4_096
/** An instance takes up to this many times its fair share of what is under way; the next on the ring takes the rest. */
const LOAD_BOUND = 1.25
/** So few requests under way are no load: they stay where their key leads. */
const LOAD_MIN = 8

/**
 * Consistent hashing with bounded loads (Karger et al., 1997; Mirrokni, Thorup and Zadimoghaddam, 2016): requests with
 * the same key go to the same instance; one that joins or leaves moves only the keys that it gets or had; an instance
 * that has more than its share hands what is too much to the next on the ring. Without a key any point of the ring will do.
 *
 * @example createRingHash(seededRandom(1)).pick(instances, 0, undefined, hash32('user 7'))
 */
export function createRingHash(random: Random): Balancer {
  let listed: readonly Candidate[] | undefined
  let ring: Ring = { points: new Uint32Array(), owners: new Uint32Array() }

  return {
    pick(candidates, _nowMs, avoid, key) {
      if (candidates !== listed) {
        listed = candidates
        ring = ringOf(candidates)
      }
      let inFlight = 0
      let weight = 0
      let isSomeoneOpen = false
      for (const candidate of candidates) {
        inFlight += candidate.inFlight
        weight += candidate.weight
        if (!candidate.isFull && candidate !== avoid) isSomeoneOpen = true
      }
      if (!isSomeoneOpen) {
        return avoid === undefined || avoid.isFull || !candidates.includes(avoid) ? undefined : avoid
      }
      const perWeight = (LOAD_BOUND * (inFlight + 1)) / weight
      const { owners } = ring
      const start = indexAt(ring.points, key ?? random.integer(2 ** 32))
      let firstOpen: (typeof candidates)[number] | undefined
      for (let step = 0; step < owners.length; step++) {
        const candidate = candidates[owners[(start + step) % owners.length]!]!
        if (candidate.isFull || candidate === avoid) continue
        if (candidate.inFlight < Math.max(LOAD_MIN, Math.ceil(perWeight * candidate.weight))) return candidate
        firstOpen ??= candidate
      }
      // Those with room for more are full for other reasons.
      return firstOpen
    },
  }
}

interface Ring {
  /** In ascending order. */
  readonly points: Uint32Array
  /** Index of the candidate that each point belongs to. */
  readonly owners: Uint32Array
}

/** The points of a candidate follow from its id and weight alone, whoever the others are. */
function ringOf(candidates: readonly Candidate[]): Ring {
  const all = candidates.flatMap(({ id, weight }, owner) => {
    const count = Math.min(POINTS_MAX, Math.max(1, Math.round(POINTS * weight)))
    return Array.from({ length: count }, (_, i) => ({ point: hash32(`${id}#${i}`), owner, id }))
  })
  // Two that meet in one point: the order must not depend on the list's.
  all.sort((a, b) => a.point - b.point || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
  return { points: Uint32Array.from(all, ({ point }) => point), owners: Uint32Array.from(all, ({ owner }) => owner) }
}

/** The first point at or after `key`, round the ring. */
function indexAt(points: Uint32Array, key: number): number {
  let low = 0
  let high = points.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (points[middle]! < key) low = middle + 1
    else high = middle
  }
  return low === points.length ? 0 : low
}
