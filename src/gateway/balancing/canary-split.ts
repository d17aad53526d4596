import type { IncomingMessage } from 'node:http'
import type { Histogram } from '../../core/histogram.ts'
import { createHistogram } from '../../core/histogram.ts'
import type { Random } from '../../core/random.ts'
import type { RequestMatch, ResolvedTraffic } from '../../blueprint/resolved-traffic.ts'
import type { Balancer, Candidate } from './balancer.ts'
import { createBalancer } from './create-balancer.ts'
import { requestKeyOf } from '../exchange/request-key.ts'
import type { Endpoint } from '../gateway-config.ts'

/** An instance that the split decides about. */
export interface SplitCandidate extends Candidate {
  readonly endpoint: Pick<Endpoint, 'isCanary'>
}

/**
 * Gives the instances of a new release their share of a service's requests, exactly, whatever the balancer: that only
 * chooses within the canary, or among the others. Counts what the canary answers.
 */
export interface CanarySplit {
  /** Whether a request is one that the canary gets whatever its share. */
  isMatched(request: IncomingMessage): boolean
  /** Whether the next request is for the canary. One that is repeated is for the others; one that is matched counts for no share. */
  isNext(request: { isRepeated: boolean; isMatched: boolean; key: number | undefined }): boolean
  /** As `Balancer.pick`, of the canary or of the others; the other part takes what its part has no room for. */
  pick<T extends SplitCandidate>(
    candidates: readonly T[],
    balancer: Balancer,
    request: {
      readonly isForCanary: boolean
      readonly nowMs: number
      readonly avoid?: T | undefined
      readonly key?: number | undefined
    },
  ): T | undefined
  /** One of the instances has answered to the last byte. */
  record(instance: string | undefined, status: number, latencyMs: number): void
  /** Microseconds by the first digit of the status, since the last reset. */
  readonly latencyUs: readonly (Histogram | undefined)[]
  /** Takes over other instances and weights. */
  configure(endpoints: readonly Endpoint[]): void
}

/** Whether there is anything to split: a canary, and others. */
export function hasCanary(endpoints: readonly Endpoint[]): boolean {
  return endpoints.some(({ isCanary }) => isCanary === true) && endpoints.some(({ isCanary }) => isCanary !== true)
}

/** @param balance how one of several canaries is chosen */
export function createCanarySplit(balance: ResolvedTraffic['balance'], random: Random): CanarySplit {
  const latencyUs: (Histogram | undefined)[] = Array.from({ length: 10 }, () => undefined)
  const canaryBalancer = createBalancer(balance, random)
  let ids = new Set<string>()
  let share = 0
  let matches: (request: IncomingMessage) => boolean = () => false
  let credit = 0
  let split: { of: readonly unknown[]; canaries: readonly unknown[]; others: readonly unknown[] } | undefined

  /** The same lists for the same candidates, which balancers build upon. */
  function groups<T extends SplitCandidate>(of: readonly T[]): { canaries: readonly T[]; others: readonly T[] } {
    if (split?.of !== of) {
      const isCanary = ({ endpoint }: T): boolean => endpoint.isCanary === true
      split = { of, canaries: of.filter(isCanary), others: of.filter((each) => !isCanary(each)) }
    }
    return split as unknown as { canaries: readonly T[]; others: readonly T[] }
  }

  return {
    latencyUs,
    configure(endpoints) {
      const canaries = endpoints.filter(({ isCanary }) => isCanary === true)
      const weightOf = (some: readonly Endpoint[]): number => some.reduce((sum, { weight = 1 }) => sum + weight, 0)
      ids = new Set(canaries.map(({ id }) => id))
      share = weightOf(canaries) / weightOf(endpoints)
      matches = matcherOf(canaries[0]?.match)
      split = undefined
    },
    isMatched: (request) => matches(request),
    isNext({ isRepeated, isMatched, key }) {
      if (isRepeated || isMatched) return !isRepeated
      // With a key the same users stay with the canary; else it is evenly spread: of a tenth, every tenth request.
      if (key !== undefined) return key < share * 2 ** 32
      credit += share
      // Ten tenths are not quite one.
      if (credit < 1 - 1e-9) return false
      credit -= 1
      return true
    },
    pick(candidates, balancer, { isForCanary, nowMs, avoid, key }) {
      const { canaries, others } = groups(candidates)
      const [first, second] = isForCanary ? [canaries, others] : [others, canaries]
      const pickOf = (part: typeof candidates): (typeof candidates)[number] | undefined =>
        part.length === 0 ? undefined : (part === canaries ? canaryBalancer : balancer).pick(part, nowMs, avoid, key)
      return pickOf(first) ?? pickOf(second)
    },
    record(instance, status, latencyMs) {
      if (instance === undefined || !ids.has(instance)) return
      const histogram = (latencyUs[(status / 100) | 0] ??= createHistogram())
      histogram.record(Math.round(latencyMs * 1_000))
    },
  }
}

function matcherOf(match: RequestMatch | undefined): (request: IncomingMessage) => boolean {
  if (match === undefined) return () => false
  const valueOf = requestKeyOf(match.key)
  return (request) => valueOf(request) === match.value
}
