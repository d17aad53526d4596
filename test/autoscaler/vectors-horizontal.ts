import type { ScalingPolicy } from '../../src/autoscaler/scaling-rules.ts'

/*
 * The cases of Kubernetes' own tests of bounds, rates and stabilisation, as facts in a form of our own, from
 * `pkg/controller/podautoscaler/horizontal_test.go` of kubernetes/kubernetes. `source` names the test and its case.
 * Left out are those that test its API objects, and those of the way without `behavior`, which we never take.
 */

export type Held = 'none' | 'min' | 'max' | 'rate out' | 'rate in'

export interface RateVector {
  readonly source: string
  readonly current: number
  readonly wanted: number
  readonly min: number
  readonly max: number
  readonly out?: readonly ScalingPolicy[]
  readonly in?: readonly ScalingPolicy[]
  /** Changes spread evenly over the last 120 s, the oldest first. */
  readonly added?: readonly number[]
  readonly removed?: readonly number[]
  readonly desired: number
  readonly held: Held
}

const instancesPer = (value: number, seconds: number): ScalingPolicy => ({
  unit: 'instances',
  value,
  periodMs: seconds * 1_000,
})
const percentPer = (value: number, seconds: number): ScalingPolicy => ({
  unit: 'percent',
  value,
  periodMs: seconds * 1_000,
})
const rate = (
  source: string,
  vector: Omit<RateVector, 'source' | 'min' | 'max'> & Partial<Pick<RateVector, 'min' | 'max'>>,
): RateVector => ({ source: `ScalingWithRules: ${source}`, min: 1, max: 1_000, ...vector })

export const RATE_VECTORS: readonly RateVector[] = [
  rate('within the range', { current: 5, wanted: 7, min: 3, max: 8, desired: 7, held: 'none' }),
  rate('less than the minimum', { current: 3, wanted: 1, min: 2, max: 8, desired: 2, held: 'min' }),
  rate('zero within the range', { current: 1, wanted: 0, min: 0, max: 10, desired: 0, held: 'none' }),
  rate('above the maximum, from above it', { current: 20, wanted: 1_000, min: 1, max: 10, desired: 10, held: 'max' }),
  rate('more than the maximum', { current: 100, wanted: 1_000, min: 100, max: 150, desired: 150, held: 'max' }),
  rate('one percent of three, rounded up', {
    current: 3,
    wanted: 1_000,
    max: 2_000,
    out: [percentPer(1, 60)],
    desired: 4,
    held: 'rate out',
  }),
  rate('twenty at once of a thousand', {
    current: 1_000,
    wanted: 3,
    min: 3,
    max: 2_000,
    in: [instancesPer(20, 60)],
    desired: 980,
    held: 'rate in',
  }),
  rate('out by default', { current: 10, wanted: 50, desired: 20, held: 'rate out' }),
  rate('instances above percent', {
    current: 10,
    wanted: 500,
    out: [instancesPer(100, 60), percentPer(100, 60)],
    desired: 110,
    held: 'rate out',
  }),
  rate('percent above instances', {
    current: 10,
    wanted: 500,
    out: [instancesPer(2, 60), percentPer(100, 60)],
    desired: 20,
    held: 'rate out',
  }),
  rate('a policy that allows more than is wanted', {
    current: 10,
    wanted: 50,
    out: [instancesPer(100, 60)],
    desired: 50,
    held: 'none',
  }),
  rate('a policy that allows far more', {
    current: 10,
    wanted: 50,
    out: [instancesPer(10_000, 60)],
    desired: 50,
    held: 'none',
  }),
  rate('out by instances', { current: 10, wanted: 50, out: [instancesPer(30, 60)], desired: 40, held: 'rate out' }),
  rate('out by percent', { current: 10, wanted: 50, out: [percentPer(200, 60)], desired: 30, held: 'rate out' }),
  rate('in by the larger, instances', {
    current: 100,
    wanted: 2,
    in: [instancesPer(20, 60), percentPer(1, 60)],
    desired: 80,
    held: 'rate in',
  }),
  rate('in by the larger, instances again', {
    current: 100,
    wanted: 2,
    in: [instancesPer(2, 60), percentPer(1, 60)],
    desired: 98,
    held: 'rate in',
  }),
  rate('in to the minimum', { current: 10, wanted: 0, in: [instancesPer(100, 60)], desired: 1, held: 'min' }),
  rate('in to a minimum by percent', {
    current: 10,
    wanted: 2,
    min: 5,
    in: [percentPer(100, 60)],
    desired: 5,
    held: 'min',
  }),
  rate('in by instances', { current: 10, wanted: 2, in: [instancesPer(5, 60)], desired: 5, held: 'rate in' }),
  rate('in by percent, as far as wanted', {
    current: 10,
    wanted: 5,
    in: [percentPer(50, 60)],
    desired: 5,
    held: 'none',
  }),
  rate('out to the maximum after changes', {
    current: 100,
    wanted: 500,
    max: 200,
    added: [1, 5, 9],
    out: [instancesPer(300, 60)],
    desired: 200,
    held: 'max',
  }),
  rate('out to the maximum by percent after changes', {
    current: 100,
    wanted: 500,
    max: 200,
    added: [1, 5, 9],
    out: [percentPer(10_000, 60)],
    desired: 200,
    held: 'max',
  }),
  rate('no further after many changes', {
    current: 100,
    wanted: 500,
    added: [1, 5, 9],
    out: [instancesPer(5, 120)],
    desired: 100,
    held: 'rate out',
  }),
  rate('out by instances after changes', {
    current: 100,
    wanted: 500,
    added: [1, 5, 9],
    out: [instancesPer(150, 120)],
    desired: 235,
    held: 'rate out',
  }),
  rate('out by percent after changes', {
    current: 100,
    wanted: 500,
    added: [1, 5, 9],
    out: [percentPer(200, 120)],
    desired: 255,
    held: 'rate out',
  }),
  rate('out by percent after changes both ways', {
    current: 6,
    wanted: 24,
    added: [4],
    removed: [2],
    out: [percentPer(300, 300)],
    desired: 16,
    held: 'rate out',
  }),
  rate('in by default after changes', { current: 10, wanted: 5, removed: [1, 5, 9], desired: 5, held: 'none' }),
  rate('in to the minimum after changes', {
    current: 100,
    wanted: 0,
    removed: [1, 5, 9],
    in: [instancesPer(115, 120)],
    desired: 1,
    held: 'min',
  }),
  rate('in to a higher minimum after changes', {
    current: 100,
    wanted: 0,
    min: 5,
    removed: [1, 5, 9],
    in: [instancesPer(130, 120)],
    desired: 5,
    held: 'min',
  }),
  rate('in to a minimum by percent after changes', {
    current: 100,
    wanted: 2,
    min: 5,
    removed: [1, 5, 9],
    in: [percentPer(100, 120)],
    desired: 5,
    held: 'min',
  }),
  rate('no further in after changes', {
    current: 100,
    wanted: 2,
    removed: [1, 5, 9],
    in: [instancesPer(5, 120)],
    desired: 100,
    held: 'rate in',
  }),
  rate('in by percent after changes', {
    current: 100,
    wanted: 0,
    removed: [2, 4, 6],
    in: [percentPer(50, 120)],
    desired: 56,
    held: 'rate in',
  }),
  rate('in by percent after changes both ways', {
    current: 10,
    wanted: 1,
    added: [2],
    removed: [4],
    in: [percentPer(50, 180)],
    desired: 6,
    held: 'rate in',
  }),
  rate('changes that keep it', {
    current: 100,
    wanted: 0,
    removed: [10, 10, 10],
    in: [percentPer(10, 120)],
    desired: 100,
    held: 'rate in',
  }),
  rate('changes that do not keep it', {
    current: 10,
    wanted: 5,
    removed: [10, 10, 10],
    in: [percentPer(1_000, 120)],
    desired: 5,
    held: 'none',
  }),
  rate('changes older than the period, out', {
    current: 100,
    wanted: 200,
    added: [8, 12, 9, 11],
    out: [instancesPer(1_000, 60)],
    desired: 200,
    held: 'none',
  }),
  rate('changes and two periods, out', {
    current: 100,
    wanted: 200,
    added: [8, 12, 9, 11],
    out: [instancesPer(1_000, 120), percentPer(100, 60)],
    desired: 200,
    held: 'none',
  }),
  rate('changes and two short periods, out', {
    current: 100,
    wanted: 200,
    added: [8, 12, 9, 11],
    out: [instancesPer(1_000, 30), percentPer(100, 60)],
    desired: 200,
    held: 'none',
  }),
  rate('changes older than the period, in', {
    current: 100,
    wanted: 5,
    removed: [8, 12, 9, 11],
    in: [instancesPer(1_000, 60)],
    desired: 5,
    held: 'none',
  }),
  rate('changes and two periods, in', {
    current: 100,
    wanted: 5,
    removed: [8, 12, 9, 11],
    in: [instancesPer(1_000, 120), percentPer(100, 60)],
    desired: 5,
    held: 'none',
  }),
  rate('changes and two short periods, in', {
    current: 100,
    wanted: 5,
    removed: [8, 12, 9, 11],
    in: [instancesPer(1_000, 30), percentPer(100, 60)],
    desired: 5,
    held: 'none',
  }),
]

/** The least of two policies holds. */
export const LEAST_VECTORS = [
  {
    source: 'CalculateScaleUpLimitWithScalingRules',
    way: 'out',
    current: 1,
    policies: [instancesPer(2, 60), percentPer(50, 60)],
    limit: 2,
  },
  {
    source: 'CalculateScaleDownLimitWithBehaviors',
    way: 'in',
    current: 5,
    policies: [instancesPer(2, 60), percentPer(50, 60)],
    limit: 3,
  },
] as const

export interface StabilisationVector {
  readonly source: string
  readonly current: number
  readonly wanted: number
  /** Earlier recommendations: so many minutes ago, how many. */
  readonly earlier: readonly (readonly [minutes: number, wanted: number])[]
  readonly outSeconds: number
  readonly inSeconds: number
  readonly desired: number
}

const stable = (
  source: string,
  vector: Omit<StabilisationVector, 'source' | 'outSeconds' | 'inSeconds'> & Partial<StabilisationVector>,
): StabilisationVector => ({ outSeconds: 0, inSeconds: 0, ...vector, source })

export const STABILISATION_VECTORS: readonly StabilisationVector[] = [
  stable('NormalizeDesiredReplicasWithBehavior: nothing earlier, in', {
    current: 100,
    wanted: 5,
    earlier: [],
    desired: 5,
  }),
  stable('NormalizeDesiredReplicasWithBehavior: in', {
    current: 100,
    wanted: 3,
    earlier: [
      [2, 4],
      [1, 5],
    ],
    inSeconds: 180,
    desired: 5,
  }),
  stable('NormalizeDesiredReplicasWithBehavior: out', {
    current: 1,
    wanted: 7,
    earlier: [
      [2, 4],
      [1, 5],
    ],
    outSeconds: 300,
    desired: 4,
  }),
  stable('NormalizeDesiredReplicasWithBehavior: in, with a window for out', {
    current: 100,
    wanted: 3,
    earlier: [
      [2, 1],
      [1, 2],
    ],
    outSeconds: 300,
    desired: 3,
  }),
  stable('NormalizeDesiredReplicasWithBehavior: out, with a window for in', {
    current: 1,
    wanted: 3,
    earlier: [
      [2, 4],
      [1, 5],
    ],
    inSeconds: 300,
    desired: 3,
  }),
  stable('NormalizeDesiredReplicasWithBehavior: in, all earlier ones too old', {
    current: 100,
    wanted: 3,
    earlier: [
      [10, 10],
      [9, 9],
    ],
    desired: 3,
  }),
  stable('NormalizeDesiredReplicasWithBehavior: out, all earlier ones too old', {
    current: 1,
    wanted: 100,
    earlier: [
      [10, 10],
      [9, 9],
    ],
    desired: 100,
  }),
  stable('NormalizeDesiredReplicasWithBehavior: in, some too old', {
    current: 100,
    wanted: 3,
    earlier: [
      [10, 10],
      [1, 4],
      [2, 5],
      [9, 9],
    ],
    inSeconds: 180,
    desired: 5,
  }),
  stable('NormalizeDesiredReplicasWithBehavior: out, some too old', {
    current: 1,
    wanted: 100,
    earlier: [
      [100, 10],
      [1, 6],
      [2, 5],
      [3, 9],
    ],
    outSeconds: 300,
    desired: 5,
  }),
  stable('NormalizeDesiredReplicasWithBehavior: both, not out when less is wanted', {
    current: 2,
    wanted: 1,
    earlier: [
      [100, 2],
      [3, 3],
    ],
    outSeconds: 300,
    inSeconds: 300,
    desired: 2,
  }),
  stable('NormalizeDesiredReplicasWithBehavior: both, not in when more is wanted', {
    current: 2,
    wanted: 3,
    earlier: [
      [100, 2],
      [3, 1],
    ],
    outSeconds: 300,
    inSeconds: 300,
    desired: 2,
  }),
  stable('NormalizeDesiredReplicas: stabilised', {
    current: 100,
    wanted: 3,
    earlier: [
      [2, 4],
      [1, 5],
    ],
    inSeconds: 300,
    desired: 5,
  }),
  stable('NormalizeDesiredReplicas: nothing to stabilise', {
    current: 100,
    wanted: 3,
    earlier: [
      [2, 1],
      [1, 2],
    ],
    inSeconds: 300,
    desired: 3,
  }),
  stable('NormalizeDesiredReplicas: too old', {
    current: 100,
    wanted: 3,
    earlier: [
      [10, 10],
      [9, 9],
    ],
    inSeconds: 300,
    desired: 3,
  }),
  stable('NormalizeDesiredReplicas: some too old', {
    current: 100,
    wanted: 3,
    earlier: [
      [10, 10],
      [1, 4],
      [2, 5],
      [9, 9],
    ],
    inSeconds: 300,
    desired: 5,
  }),
]
