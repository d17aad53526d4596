import type { ObservedInstance, Sample } from '../../src/autoscaler/group-instances.ts'

/**
 * An instance of a vector: how it is, and what was measured of it. `ready` has been so for an hour; `unready` has never
 * been; `hot` is ready, and has just been started; `pending` and `leaving` as in `ObservedInstance`.
 */
export interface VectorInstance {
  readonly is?: 'ready' | 'unready' | 'hot' | 'pending' | 'leaving'
  /** Undefined: not measured. */
  readonly value?: number
  readonly limit?: number
}

export const NOW_MS = 10 * 3_600_000
const HOUR_MS = 3_600_000
const WINDOW_MS = 60_000

/** What `groupInstances` gets for an instance of a vector. */
export function observedInstance({ is = 'ready', value, limit }: VectorInstance): ObservedInstance {
  const startedMs = is === 'hot' ? NOW_MS : NOW_MS - HOUR_MS
  const sample: Sample | undefined =
    value === undefined ? undefined : { value, fromMs: NOW_MS - WINDOW_MS, ...(limit === undefined ? {} : { limit }) }
  return {
    state: is === 'pending' || is === 'leaving' ? is : 'running',
    startedMs,
    isReady: is === 'ready' || is === 'hot',
    readyChangedMs: startedMs,
    sample,
  }
}

/** Instances in order: the values of those that were measured, and how the instances are where not ready. */
export function instances(
  values: readonly (number | undefined)[],
  are: readonly VectorInstance['is'][] = [],
): VectorInstance[] {
  return Array.from({ length: Math.max(values.length, are.length) }, (_, index) => ({
    ...(values[index] === undefined ? {} : { value: values[index] }),
    ...(are[index] === undefined ? {} : { is: are[index] }),
  }))
}
