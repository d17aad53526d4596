import type { Measurement } from './wanted-instances.ts'

/** What is known of the consumers of a topic. */
export interface LagReading {
  /** Messages that no consumer has done with; undefined: not measured. */
  readonly waiting: number | undefined
  /** Messages that an instance does in a second in which it does nothing else; see `nextCapacity`. */
  readonly capacityPerInstance: number | undefined
}

/** Slower than any consumer that is worth scaling: a capacity of nearly nothing would ask for all instances at once. */
const CAPACITY_MIN = 0.1
/** What a new measurement counts beside all before it. */
const WEIGHT = 0.2

/**
 * A lag as messages: an instance should have no more of them waiting than it does in the time of the target. Where the
 * capacity is not known yet nothing is known. Pure.
 *
 * @param targetMs how far behind consumers may be
 * @example lagMeasurement(5_000, { waiting: 900, capacityPerInstance: 20 }) // total 900, target 100: 9 instances
 */
export function lagMeasurement(targetMs: number, { waiting, capacityPerInstance }: LagReading): Measurement {
  const target = (targetMs / 1_000) * Math.max(CAPACITY_MIN, capacityPerInstance ?? CAPACITY_MIN)
  return { kind: 'total', target, total: capacityPerInstance === undefined ? undefined : waiting }
}

/**
 * The capacity after a further look: messages for each second in which consumers were busy, smoothed. A look in which they
 * were not says nothing. Pure.
 */
export function nextCapacity(
  former: number | undefined,
  { messages, busySeconds }: { readonly messages: number; readonly busySeconds: number },
): number | undefined {
  if (!(busySeconds > 0)) return former
  const seen = Math.max(CAPACITY_MIN, messages / busySeconds)
  return former === undefined ? seen : former + WEIGHT * (seen - former)
}
