import type { Position } from './position.ts'
import { comparePositions } from './position.ts'

/** What is known of a replica. */
export interface ReplicaSighting {
  /** Where it was at least, when it was asked last; undefined: it did not answer. */
  readonly position: Position | undefined
  /** It has everything that the primary had at this moment; undefined: of no moment is it known. */
  readonly freshAsOfMs: number | undefined
  readonly inFlight: number
}

/** Where a read goes, and why. */
export type ReadChoice =
  | { readonly kind: 'replica'; readonly index: number }
  /** A replica is on its way to what was asked for. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'primary'; readonly reason: 'no-replica' | 'all-behind' }

/** One moment of the primary. */
export interface PrimarySample {
  readonly atMs: number
  readonly position: Position
}

/** Until when a replica that has got as far as `position` is complete. `samples` are in the order of time. */
export function freshAsOf(position: Position, samples: readonly PrimarySample[]): number | undefined {
  return samples.findLast((sample) => comparePositions(sample.position, position) <= 0)?.atMs
}

/** The least busy of the replicas that are close enough behind the primary and have what was asked for. */
export function chooseReplica(question: {
  readonly nowMs: number
  readonly replicas: readonly ReplicaSighting[]
  readonly lagMaxMs: number
  readonly after: Position | undefined
}): ReadChoice {
  const { nowMs, replicas, lagMaxMs, after } = question
  let best: number | undefined
  let isOneComing = false
  for (const [index, { position, freshAsOfMs, inFlight }] of replicas.entries()) {
    if (position === undefined || freshAsOfMs === undefined || nowMs - freshAsOfMs > lagMaxMs) continue
    if (after !== undefined && comparePositions(position, after) < 0) isOneComing = true
    else if (best === undefined || inFlight < (replicas[best]?.inFlight ?? 0)) best = index
  }
  if (best !== undefined) return { kind: 'replica', index: best }
  if (isOneComing) return { kind: 'wait' }
  return { kind: 'primary', reason: replicas.length === 0 ? 'no-replica' : 'all-behind' }
}
