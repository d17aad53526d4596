import { instances } from './instances-for-tests.ts'
import type { VectorInstance } from './instances-for-tests.ts'

/*
 * The cases of Kubernetes' own tests of its decision, as facts in a form of our own: counts of replicas, what was
 * measured and what has to come out. From the tests of `pkg/controller/podautoscaler/replica_calculator.go` of
 * kubernetes/kubernetes (`replica_calculator_test.go`); `source` is the name of the test there. A CPU of 1 is the request of a pod.
 */

export interface CalculatorVector {
  readonly source: string
  readonly kind: 'utilisation' | 'average' | 'total'
  readonly current: number
  readonly target: number
  /** Of `utilisation` and `average`. */
  readonly instances?: readonly VectorInstance[]
  /** Of `total`. */
  readonly total?: number
  /** Undefined: it can't be said. */
  readonly wanted: number | undefined
  /** What the calculator reports as the present value, where the test looks at it. */
  readonly value?: number
}

const unready = 'unready'
const hot = 'hot'
const ready = 'ready'

/** Adds limits, in cores, in order. */
function limited(values: readonly number[], limits: readonly number[]): VectorInstance[] {
  return values.map((value, index) => ({ value, limit: limits[index]! }))
}

const jitter = [0.4, 0.2, 0.31, 0.29, 0.302, 0.298, 0.301, 0.299, 0.3, 0.3]

export const CALCULATOR_VECTORS: readonly CalculatorVector[] = [
  {
    source: 'ScaleUp',
    kind: 'utilisation',
    current: 3,
    target: 0.3,
    instances: instances([0.3, 0.5, 0.7]),
    wanted: 5,
    value: 0.5,
  },
  {
    source: 'ScaleUpUnreadyLessScale',
    kind: 'utilisation',
    current: 3,
    target: 0.3,
    instances: instances([0.3, 0.5, 0.7], [unready]),
    wanted: 4,
    value: 0.6,
  },
  {
    source: 'ScaleUpHotCpuLessScale',
    kind: 'utilisation',
    current: 3,
    target: 0.3,
    instances: instances([0.3, 0.5, 0.7], [hot]),
    wanted: 4,
    value: 0.6,
  },
  {
    source: 'ScaleUpUnreadyNoScale',
    kind: 'utilisation',
    current: 3,
    target: 0.3,
    instances: instances([0.4, 0.5, 0.7], [ready, unready, unready]),
    wanted: 3,
    value: 0.4,
  },
  {
    source: 'ScaleHotCpuNoScale',
    kind: 'utilisation',
    current: 3,
    target: 0.3,
    instances: instances([0.4, 0.5, 0.7], [ready, hot, hot]),
    wanted: 3,
    value: 0.4,
  },
  {
    source: 'ScaleUpIgnoresFailedPods',
    kind: 'utilisation',
    current: 2,
    target: 0.3,
    instances: instances([0.5, 0.7], [ready, ready, 'leaving', 'leaving']),
    wanted: 4,
    value: 0.6,
  },
  {
    source: 'ScaleUpIgnoresDeletionPods',
    kind: 'utilisation',
    current: 2,
    target: 0.3,
    instances: instances([0.5, 0.7, 0.9, 0.9], [ready, ready, 'leaving', 'leaving']),
    wanted: 4,
    value: 0.6,
  },
  {
    source: 'ScaleUpCM',
    kind: 'average',
    current: 3,
    target: 15,
    instances: instances([20, 10, 30]),
    wanted: 4,
    value: 20,
  },
  {
    source: 'ScaleUpCMUnreadyHotCpuNoLessScale',
    kind: 'average',
    current: 3,
    target: 15,
    instances: instances([50, 10, 30], [ready, ready, unready]),
    wanted: 6,
    value: 30,
  },
  {
    source: 'ScaleUpCMUnreadyHotCpuScaleWouldScaleDown',
    kind: 'average',
    current: 3,
    target: 15,
    instances: instances([50, 15, 30], [unready, ready, unready]),
    wanted: 7,
    value: 31.666,
  },
  {
    source: 'ScaleUpCMExternal',
    kind: 'average',
    current: 1,
    target: 4.4,
    instances: instances([8.6]),
    wanted: 2,
    value: 8.6,
  },
  { source: 'ScaleUpCMPerPodObject', kind: 'total', current: 3, target: 5, total: 20, wanted: 4, value: 6.667 },
  { source: 'ScaleUpPerPodCMExternal', kind: 'total', current: 3, target: 2.15, total: 8.6, wanted: 4, value: 2.867 },
  {
    source: 'ScaleDown',
    kind: 'utilisation',
    current: 5,
    target: 0.5,
    instances: instances([0.1, 0.3, 0.5, 0.25, 0.25]),
    wanted: 3,
    value: 0.28,
  },
  {
    source: 'ScaleDownCM',
    kind: 'average',
    current: 5,
    target: 20,
    instances: instances([12, 12, 12, 12, 12]),
    wanted: 3,
    value: 12,
  },
  { source: 'ScaleDownPerPodCMObject', kind: 'total', current: 5, target: 2, total: 6, wanted: 3, value: 1.2 },
  { source: 'ScaleDownPerPodCMExternal', kind: 'total', current: 5, target: 2.867, total: 8.6, wanted: 3, value: 1.72 },
  {
    source: 'ScaleDownIncludeUnreadyPods',
    kind: 'utilisation',
    current: 5,
    target: 0.5,
    instances: instances([0.1, 0.3, 0.5, 0.25, 0.25], [ready, ready, ready, unready, unready]),
    wanted: 2,
    value: 0.3,
  },
  {
    source: 'ScaleDownExcludeUnscheduledPods',
    kind: 'utilisation',
    current: 5,
    target: 0.5,
    instances: instances([0.1], [ready, 'pending', 'pending', 'pending', 'pending']),
    wanted: 1,
    value: 0.1,
  },
  {
    source: 'ScaleDownIgnoreHotCpuPods',
    kind: 'utilisation',
    current: 5,
    target: 0.5,
    instances: instances([0.1, 0.3, 0.5, 0.25, 0.25], [ready, ready, ready, hot, hot]),
    wanted: 2,
    value: 0.3,
  },
  {
    source: 'ScaleDownIgnoresFailedPods',
    kind: 'utilisation',
    current: 5,
    target: 0.5,
    instances: instances([0.1, 0.3, 0.5, 0.25, 0.25], [ready, ready, ready, ready, ready, 'leaving', 'leaving']),
    wanted: 3,
    value: 0.28,
  },
  {
    source: 'ScaleDownIgnoresDeletionPods',
    kind: 'utilisation',
    current: 5,
    target: 0.5,
    instances: instances(
      [0.1, 0.3, 0.5, 0.25, 0.25, 0.9, 0.9],
      [ready, ready, ready, ready, ready, 'leaving', 'leaving'],
    ),
    wanted: 3,
    value: 0.28,
  },
  {
    source: 'Tolerance',
    kind: 'utilisation',
    current: 3,
    target: 1,
    instances: limited([1.01, 1.03, 1.02], [0.9, 1, 1.1]),
    wanted: 3,
    value: 1.02,
  },
  {
    source: 'ToleranceCM',
    kind: 'average',
    current: 3,
    target: 20,
    instances: instances([20, 21, 21]),
    wanted: 3,
    value: 20.666,
  },
  { source: 'TolerancePerPodCMObject', kind: 'total', current: 4, target: 5, total: 20.166, wanted: 4, value: 5.042 },
  { source: 'TolerancePerPodCMExternal', kind: 'total', current: 3, target: 2.9, total: 8.6, wanted: 3, value: 2.867 },
  {
    source: 'SuperfluousMetrics',
    kind: 'utilisation',
    current: 4,
    target: 1,
    instances: instances([4, 9.5, 3, 7]),
    wanted: 24,
    value: 5.87,
  },
  {
    source: 'MissingMetrics',
    kind: 'utilisation',
    current: 4,
    target: 1,
    instances: instances([0.4, 0.095, undefined, undefined], [ready, ready, ready, ready]),
    wanted: 3,
    value: 0.24,
  },
  {
    source: 'EmptyMetrics',
    kind: 'utilisation',
    current: 4,
    target: 1,
    instances: instances([], [ready, ready, ready, ready]),
    wanted: undefined,
  },
  {
    source: 'DisjointResourcesMetrics',
    kind: 'utilisation',
    current: 1,
    target: 1,
    instances: instances([], [ready]),
    wanted: undefined,
  },
  {
    source: 'MissingMetricsNoChangeEq',
    kind: 'utilisation',
    current: 2,
    target: 1,
    instances: instances([1], [ready, ready]),
    wanted: 2,
    value: 1,
  },
  {
    source: 'MissingMetricsNoChangeGt',
    kind: 'utilisation',
    current: 2,
    target: 1,
    instances: instances([1.9], [ready, ready]),
    wanted: 2,
    value: 1.9,
  },
  {
    source: 'MissingMetricsNoChangeLt',
    kind: 'utilisation',
    current: 2,
    target: 1,
    instances: instances([0.6], [ready, ready]),
    wanted: 2,
    value: 0.6,
  },
  {
    source: 'MissingMetricsUnreadyChange',
    kind: 'utilisation',
    current: 3,
    target: 0.5,
    instances: instances([0.1, 0.45], [unready, ready, ready]),
    wanted: 3,
    value: 0.45,
  },
  {
    source: 'MissingMetricsHotCpuNoChange',
    kind: 'utilisation',
    current: 3,
    target: 0.5,
    instances: instances([0.1, 0.45], [hot, ready, ready]),
    wanted: 3,
    value: 0.45,
  },
  {
    source: 'MissingMetricsUnreadyScaleUp',
    kind: 'utilisation',
    current: 3,
    target: 0.5,
    instances: instances([0.1, 2], [unready, ready, ready]),
    wanted: 4,
    value: 2,
  },
  {
    source: 'MissingMetricsHotCpuScaleUp',
    kind: 'utilisation',
    current: 3,
    target: 0.5,
    instances: instances([0.1, 2], [hot, ready, ready]),
    wanted: 4,
    value: 2,
  },
  {
    source: 'MissingMetricsUnreadyScaleDown',
    kind: 'utilisation',
    current: 4,
    target: 0.5,
    instances: instances([0.1, 0.1, 0.1], [unready, ready, ready, ready]),
    wanted: 3,
    value: 0.1,
  },
  {
    source: 'DuringRollingUpdateWithMaxSurge',
    kind: 'utilisation',
    current: 2,
    target: 0.5,
    instances: instances([0.1, 0.1], [ready, ready, ready]),
    wanted: 2,
    value: 0.1,
  },
  {
    source: 'ComputedToleranceAlgImplementation, beyond the tolerance',
    kind: 'utilisation',
    current: 10,
    target: 0.56,
    instances: limited(
      Array.from({ length: 10 }, () => 0.15),
      jitter,
    ),
    wanted: 9,
    value: 0.5,
  },
  {
    source: 'ComputedToleranceAlgImplementation, within it',
    kind: 'utilisation',
    current: 10,
    target: 0.55,
    instances: limited(
      Array.from({ length: 10 }, () => 0.15),
      jitter,
    ),
    wanted: 10,
    value: 0.5,
  },
]
