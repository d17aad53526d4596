import type { InstanceGroups, Sample } from './group-instances.ts'

/** What was measured of a service, and what it should be. */
export type Measurement =
  | /** Share of a limit, of all instances together; `target` is a share too. Whole percents, as in Kubernetes. */
    {
      readonly kind: 'utilisation'
      readonly target: number
      readonly groups: InstanceGroups
    } /** Mean of the instances. */
  | {
      readonly kind: 'average'
      readonly target: number
      readonly groups: InstanceGroups
    } /** Of the service as a whole; `target` is what one instance should have of it. Undefined: not measured. */
  | {
      readonly kind: 'total'
      readonly target: number
      readonly total: number | undefined
      /** Why it was not measured. */
      readonly problem?: string
    }

/** Around the target nothing happens: shares of it, above and below. */
export interface Tolerance {
  readonly out: number
  readonly in: number
}

/** How many instances a measurement asks for. */
export type Wanted =
  | { readonly isKnown: true; readonly wanted: number; /** Per instance, or the share. */ readonly value: number }
  | { readonly isKnown: false; readonly reason: string }

/** Values are compared in thousandths, as Kubernetes does, so that no fraction decides differently here and there. */
const MILLI = 1_000
const PERCENT = 100

/**
 * How many instances bring the measurement to its target: instances × value ÷ target, rounded up, as
 * `replica_calculator.go` of Kubernetes decides. Instances that are not measured, and those that warm up, are taken to
 * speak against a change; what they turn round is left as it is.
 *
 * @param current how many are wanted now
 * @example wantedInstances({ kind: 'total', target: 20, total: 100 }, 3, { out: 0.1, in: 0.1 }) // wanted 5
 */
export function wantedInstances(measurement: Measurement, current: number, tolerance: Tolerance): Wanted {
  return measurement.kind === 'total'
    ? wantedByTotal(measurement, current, tolerance)
    : wantedByInstances(measurement, current, tolerance)
}

function wantedByTotal(
  { target, total, problem }: Extract<Measurement, { kind: 'total' }>,
  current: number,
  tolerance: Tolerance,
): Wanted {
  if (total === undefined) return { isKnown: false, reason: problem ?? 'nothing was measured' }
  const [all, each] = [milli(total), milli(target)]
  const isEnough = isWithin(all / (each * current), tolerance)
  return {
    isKnown: true,
    wanted: isEnough ? current : Math.ceil(all / each),
    value: current === 0 ? total : Math.ceil(all / current) / MILLI,
  }
}

function wantedByInstances(
  measurement: Exclude<Measurement, { kind: 'total' }>,
  current: number,
  tolerance: Tolerance,
): Wanted {
  const { counted, unready, missing } = measurement.groups
  if (counted.length === 0) return { isKnown: false, reason: 'no instance that is ready was measured' }
  const { ratio, value } = usageOf(measurement, counted)
  const known = (wanted: number): Wanted => ({ isKnown: true, wanted, value })
  if (ratio === 1) return known(current)
  const isUnreadyCounted = unready.length > 0 && ratio > 1
  if (!isUnreadyCounted && missing.length === 0) {
    return known(isWithin(ratio, tolerance) ? current : Math.ceil(ratio * counted.length))
  }
  const all = [
    ...counted,
    ...missing.map(() => assumed(measurement, ratio)),
    ...(isUnreadyCounted ? unready.map(() => idle(measurement)) : []),
  ]
  const after = usageOf(measurement, all).ratio
  const isTurned = (ratio < 1 && after > 1) || (ratio > 1 && after < 1)
  if (isWithin(after, tolerance) || isTurned) return known(current)
  const wanted = Math.ceil(after * all.length)
  // Instances beyond those that are wanted, as in a rollout, must not turn the direction either.
  return known((after < 1 && wanted > current) || (after > 1 && wanted < current) ? current : wanted)
}

function usageOf(
  { kind, target }: Exclude<Measurement, { kind: 'total' }>,
  samples: readonly Sample[],
): { ratio: number; value: number } {
  const used = samples.reduce((sum, { value }) => sum + milli(value), 0)
  if (kind === 'average') {
    const each = Math.floor(used / samples.length)
    return { ratio: each / milli(target), value: each / MILLI }
  }
  const limit = samples.reduce((sum, sample) => sum + milli(sample.limit ?? 1), 0)
  const percent = Math.floor((used * PERCENT) / limit)
  return { ratio: percent / Math.round(target * PERCENT), value: percent / PERCENT }
}

/** What an instance that was not measured is taken to use. */
function assumed(measurement: Exclude<Measurement, { kind: 'total' }>, ratio: number): Sample {
  if (ratio > 1) return idle(measurement)
  const limit = limitOf(measurement)
  const { kind, target } = measurement
  // On the way in all of its limit, or the target where that is more.
  return { value: kind === 'average' ? target : limit * Math.max(1, target), limit, fromMs: 0 }
}

function idle(measurement: Exclude<Measurement, { kind: 'total' }>): Sample {
  return { value: 0, limit: limitOf(measurement), fromMs: 0 }
}

/** Instances of one service have the same limit. */
function limitOf({ groups }: { readonly groups: InstanceGroups }): number {
  return groups.counted[0]?.limit ?? 1
}

function isWithin(ratio: number, tolerance: Tolerance): boolean {
  return 1 - tolerance.in <= ratio && ratio <= 1 + tolerance.out
}

function milli(value: number): number {
  return Math.round(value * MILLI)
}
