import { formatDuration } from '../core/duration.ts'
import type { ScalingBehaviour, ScalingChange } from './scaling-rules.ts'
import { inLimit, longestPeriodMs, outLimit } from './scaling-rules.ts'
import type { Measurement, Tolerance } from './wanted-instances.ts'
import { wantedInstances } from './wanted-instances.ts'

/** What holds for a service that scales by itself. */
export interface ScalingTerms {
  readonly min: number
  readonly max: number
  readonly tolerance: Tolerance
  readonly behaviour: ScalingBehaviour
}

/** Room that something else leaves: no more than `most` instances, but those that run stay. */
export interface Cap {
  readonly most: number
  /** What there is too little of: `cores`, `connections to orders`. */
  readonly by: string
}

/** What earlier decisions leave behind for later ones; begin with `NO_MEMORY`. */
export interface ScalingMemory {
  readonly wanted: readonly { readonly atMs: number; readonly wanted: number }[]
  readonly changes: readonly ScalingChange[]
}

export const NO_MEMORY: ScalingMemory = { wanted: [], changes: [] }

/** What keeps the decision from what is wanted. */
export interface ScalingLimit {
  readonly kind: 'min' | 'max' | 'cap' | 'rate' | 'stabilisation' | 'unmeasured'
  /** For people: `cores`, `instances.max`. */
  readonly by: string
}

/** One decision. */
export interface Recommendation {
  /** How many instances there should be now. */
  readonly desired: number
  /** How many the signal asks for; undefined where nobody looked at it, or it says nothing. */
  readonly wanted: number | undefined
  /** The signal of the measurement that asks for the most. */
  readonly value: number | undefined
  readonly limit: ScalingLimit | undefined
  /** For people: `wanted 9, capped at 4 by cores`. */
  readonly reason: string
  /** For the next decision, provided that this one is carried out. */
  readonly memory: ScalingMemory
}

/** @see recommend */
export interface ScalingQuestion {
  /** How many are wanted now. */
  readonly current: number
  /** One or more; the one that asks for the most decides. */
  readonly measurements: readonly Measurement[]
  readonly terms: ScalingTerms
  readonly caps?: readonly Cap[]
  readonly memory: ScalingMemory
  /** Of the monotonic clock. */
  readonly nowMs: number
}

/**
 * How many instances a service should have now, and why. It is the decision of a Kubernetes HPA (v2, with `behavior`):
 * proportional to the signal, with a tolerance each way, stabilised over a window, bounded in speed, then by `min` and
 * `max`. Caps are our own: they bound growth alone. Pure.
 *
 * Outside its bounds a service is brought back without a look at the signal; where no signal is known it stays as it
 * is; where only some are known it does not shrink. A service at 0 whose `min` is above 0 was stopped by somebody, and
 * stays so.
 */
export function recommend(question: ScalingQuestion): Recommendation {
  const { current, terms, memory, nowMs } = question
  const bare = { wanted: undefined, value: undefined, memory }
  const { min, max } = terms
  if (current === 0 && min > 0) return { ...bare, desired: 0, limit: undefined, reason: 'stopped by hand' }
  if (current > max || current < min) {
    const limit: ScalingLimit =
      current > max ? { kind: 'max', by: 'instances.max' } : { kind: 'min', by: 'instances.min' }
    const desired = current > max ? max : min
    const reason = `${current} is ${current > max ? 'above' : 'below'} ${limit.by}, ${desired}`
    return { ...bare, desired, limit, reason, memory: withChange(question, memory, desired) }
  }
  const largest = largestOf(question)
  if (largest.wanted === undefined) {
    const limit: ScalingLimit = { kind: 'unmeasured', by: largest.problem ?? 'nothing was measured' }
    return { ...bare, value: largest.value, desired: current, limit, reason: `stays at ${current}: ${limit.by}` }
  }
  const { wanted, value } = largest
  const stabilised = stabilise(question, wanted)
  const bounded = bound(question, stabilised)
  const limit = bounded.limit ?? (stabilised === wanted ? undefined : stabilisationOf(terms.behaviour, wanted, current))
  const { desired } = bounded
  const seen = { ...memory, wanted: [...memory.wanted, { atMs: nowMs, wanted }] }
  return {
    desired,
    wanted,
    value,
    limit,
    reason: reasonOf(wanted, desired, limit),
    memory: withChange(question, seen, desired),
  }
}

/** The measurement that asks for the most. With some that say nothing, only more than there are is believed. */
function largestOf({ measurements, current, terms }: ScalingQuestion): {
  wanted: number | undefined
  value: number | undefined
  problem: string | undefined
} {
  let [wanted, value, problem]: [number | undefined, number | undefined, string | undefined] = [
    undefined,
    undefined,
    undefined,
  ]
  for (const measurement of measurements) {
    const answer = wantedInstances(measurement, current, terms.tolerance)
    if (!answer.isKnown) problem ??= answer.reason
    else if (wanted === undefined || answer.wanted > wanted) ({ wanted, value } = answer)
  }
  const isDoubtful = problem !== undefined && wanted !== undefined && wanted < current
  return { wanted: isDoubtful ? undefined : wanted, value, problem }
}

/** Out only as far as every recommendation of the window says, in only as far as every one does. */
function stabilise({ current, terms, memory, nowMs }: ScalingQuestion, wanted: number): number {
  const within = (windowMs: number): readonly number[] =>
    memory.wanted.filter(({ atMs }) => nowMs - atMs < windowMs).map((each) => each.wanted)
  const least = Math.min(wanted, ...within(terms.behaviour.out.stabilisationMs))
  const most = Math.max(wanted, ...within(terms.behaviour.in.stabilisationMs))
  return Math.min(Math.max(current, least), most)
}

function bound(question: ScalingQuestion, wanted: number): { desired: number; limit: ScalingLimit | undefined } {
  const { current, terms, memory, nowMs, caps = [] } = question
  const { min, max, behaviour } = terms
  if (wanted > current) {
    const ceilings: { at: number; limit: ScalingLimit }[] = [
      // In this order: of two that are equal the first is named, and it is the one that would still hold later.
      ...caps.map(({ most, by }) => ({ at: Math.max(most, current), limit: { kind: 'cap' as const, by } })),
      { at: max, limit: { kind: 'max', by: 'instances.max' } },
      {
        at: outLimit(current, memory.changes, nowMs, behaviour.out),
        limit: { kind: 'rate', by: 'the rate of scaling out' },
      },
    ]
    const lowest = ceilings.reduce((low, each) => (each.at < low.at ? each : low))
    if (wanted > lowest.at) return { desired: lowest.at, limit: lowest.limit }
  } else if (wanted < current) {
    const slowest = inLimit(current, memory.changes, nowMs, behaviour.in)
    if (wanted < Math.max(min, slowest)) {
      return slowest > min
        ? { desired: slowest, limit: { kind: 'rate', by: 'the rate of scaling in' } }
        : { desired: min, limit: { kind: 'min', by: 'instances.min' } }
    }
  }
  return { desired: wanted, limit: undefined }
}

function stabilisationOf({ out, in: inward }: ScalingBehaviour, wanted: number, current: number): ScalingLimit {
  const windowMs = wanted > current ? out.stabilisationMs : inward.stabilisationMs
  return { kind: 'stabilisation', by: `what was wanted in the last ${formatDuration(windowMs)}` }
}

function reasonOf(wanted: number, desired: number, limit: ScalingLimit | undefined): string {
  if (limit === undefined) return `wanted ${wanted}`
  return `wanted ${wanted}, ${desired < wanted ? 'capped' : 'held'} at ${desired} by ${limit.by}`
}

function withChange({ current, terms, nowMs }: ScalingQuestion, memory: ScalingMemory, desired: number): ScalingMemory {
  const { behaviour } = terms
  const windowMs = Math.max(behaviour.out.stabilisationMs, behaviour.in.stabilisationMs)
  const changes = desired === current ? memory.changes : [...memory.changes, { atMs: nowMs, by: desired - current }]
  return {
    wanted: memory.wanted.filter(({ atMs }) => nowMs - atMs < windowMs),
    changes: changes.filter(({ atMs }) => nowMs - atMs < longestPeriodMs(behaviour)),
  }
}
