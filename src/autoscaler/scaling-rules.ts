/** How fast the number of instances may change, each way: `behavior` of a Kubernetes HPA. */
export interface ScalingBehaviour {
  readonly out: ScalingRules
  readonly in: ScalingRules
}

export interface ScalingRules {
  /** The most careful recommendation of this time holds. 0: the present one. */
  readonly stabilisationMs: number
  /** Which policy holds: the one that allows the `most`, or the `least`; `none`: no change this way. */
  readonly select: 'most' | 'least' | 'none'
  readonly policies: readonly ScalingPolicy[]
}

/** So much in each period. */
export interface ScalingPolicy {
  readonly unit: 'instances' | 'percent'
  readonly value: number
  readonly periodMs: number
}

/** A change that was carried out: above 0 out, below 0 in. */
export interface ScalingChange {
  readonly atMs: number
  readonly by: number
}

/** The defaults of Kubernetes: out at once, doubling or four every 15 s; in after five minutes, without a bound. */
export const SCALING_BEHAVIOUR: ScalingBehaviour = {
  out: {
    stabilisationMs: 0,
    select: 'most',
    policies: [
      { unit: 'instances', value: 4, periodMs: 15_000 },
      { unit: 'percent', value: 100, periodMs: 15_000 },
    ],
  },
  in: { stabilisationMs: 300_000, select: 'most', policies: [{ unit: 'percent', value: 100, periodMs: 15_000 }] },
}

/** How many instances there may be at most now, going out from `current`; never fewer than there are. Pure. */
export function outLimit(
  current: number,
  changes: readonly ScalingChange[],
  nowMs: number,
  { select, policies }: ScalingRules,
): number {
  if (select === 'none') return current
  const allowed = policies.map(({ unit, value, periodMs }) => {
    const before = current - changeWithin(periodMs, changes, nowMs)
    // Rounded up: a small share of a few would be none for ever.
    return unit === 'instances' ? before + value : Math.ceil(before * (1 + value / 100))
  })
  return Math.max(current, select === 'least' ? Math.min(...allowed) : Math.max(...allowed))
}

/** How many instances have to stay at least now, going in from `current`; never more than there are. Pure. */
export function inLimit(
  current: number,
  changes: readonly ScalingChange[],
  nowMs: number,
  { select, policies }: ScalingRules,
): number {
  if (select === 'none') return current
  const allowed = policies.map(({ unit, value, periodMs }) => {
    const before = current - changeWithin(periodMs, changes, nowMs)
    return unit === 'instances' ? before - value : Math.trunc(before * (1 - value / 100))
  })
  return Math.min(current, select === 'least' ? Math.max(...allowed) : Math.min(...allowed))
}

/** The longest time that a change matters. */
export function longestPeriodMs({ out, in: inward }: ScalingBehaviour): number {
  return Math.max(0, ...[...out.policies, ...inward.policies].map(({ periodMs }) => periodMs))
}

function changeWithin(periodMs: number, changes: readonly ScalingChange[], nowMs: number): number {
  return changes.reduce((sum, { atMs, by }) => (nowMs - atMs < periodMs ? sum + by : sum), 0)
}
