import { expect, test } from 'vitest'
import type { ObservedInstance } from '../../src/autoscaler/group-instances.ts'
import { groupInstances } from '../../src/autoscaler/group-instances.ts'

const NOW_MS = 3_600_000
const MINUTE_MS = 60_000
/** Those of Kubernetes' tests. */
const WARM_UP = { initialisationMs: 120_000, initialReadinessMs: 10_000 }

interface GroupVector {
  readonly source: string
  /** How long ago, in ms. */
  readonly started: number
  readonly isReady: boolean
  readonly readyChanged: number
  /** Beginning and length of what was measured; undefined: nothing. */
  readonly sampleFrom?: number
  readonly state?: ObservedInstance['state']
  readonly isWarmUpFree?: boolean
  readonly group: 'counted' | 'unready' | 'missing' | 'none'
}

/** The facts of `TestGroupPods` in `replica_calculator_test.go` of kubernetes/kubernetes. */
const VECTORS: readonly GroupVector[] = [
  {
    source: 'a signal that starting does not raise',
    started: 0,
    isReady: false,
    readyChanged: 0,
    sampleFrom: MINUTE_MS,
    isWarmUpFree: true,
    group: 'counted',
  },
  {
    source: 'one that has just started',
    started: 0,
    isReady: false,
    readyChanged: 0,
    sampleFrom: MINUTE_MS,
    group: 'unready',
  },
  {
    source: 'a young one, measured since it is ready',
    started: MINUTE_MS,
    isReady: true,
    readyChanged: 30_000,
    sampleFrom: 30_000,
    group: 'counted',
  },
  {
    source: 'a young one, measured from before it was ready',
    started: MINUTE_MS,
    isReady: true,
    readyChanged: 30_000,
    sampleFrom: 60_000,
    group: 'unready',
  },
  {
    source: 'one that was never ready',
    started: 10 * MINUTE_MS,
    isReady: false,
    readyChanged: 9 * MINUTE_MS + 54_000,
    sampleFrom: MINUTE_MS,
    group: 'unready',
  },
  {
    source: 'an older one, measured long ago',
    started: 3 * MINUTE_MS,
    isReady: true,
    readyChanged: 3 * MINUTE_MS,
    sampleFrom: 3 * MINUTE_MS,
    group: 'counted',
  },
  {
    source: 'one that was ready, and is not any more',
    started: 10 * MINUTE_MS,
    isReady: false,
    readyChanged: 9 * MINUTE_MS,
    sampleFrom: MINUTE_MS,
    group: 'counted',
  },
  {
    source: 'one that failed on its way to ready',
    started: 10 * MINUTE_MS,
    isReady: false,
    readyChanged: 9 * MINUTE_MS + 51_000,
    sampleFrom: MINUTE_MS,
    group: 'unready',
  },
  {
    source: 'one that was not measured',
    started: 3 * MINUTE_MS,
    isReady: true,
    readyChanged: 3 * MINUTE_MS,
    group: 'missing',
  },
  {
    source: 'one that waits to be started',
    started: 0,
    isReady: false,
    readyChanged: 0,
    state: 'pending',
    group: 'unready',
  },
  {
    source: 'one that leaves',
    started: 3 * MINUTE_MS,
    isReady: true,
    readyChanged: 3 * MINUTE_MS,
    sampleFrom: MINUTE_MS,
    state: 'leaving',
    group: 'none',
  },
]

test.each(VECTORS)(
  '$source is $group',
  ({ started, isReady, readyChanged, sampleFrom, state = 'running', isWarmUpFree, group }) => {
    const instance: ObservedInstance = {
      state,
      startedMs: NOW_MS - started,
      isReady,
      readyChangedMs: NOW_MS - readyChanged,
      sample: sampleFrom === undefined ? undefined : { value: 1, fromMs: NOW_MS - sampleFrom },
    }
    const groups = groupInstances([instance], NOW_MS, isWarmUpFree === true ? undefined : WARM_UP)
    const found = (['counted', 'unready', 'missing'] as const).filter((name) => groups[name].length > 0)
    expect(found).toEqual(group === 'none' ? [] : [group])
  },
)
