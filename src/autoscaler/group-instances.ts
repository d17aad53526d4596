/** One instance as the autoscaler sees it. Times are of the monotonic clock. */
export interface ObservedInstance {
  /** `pending`: nothing of it runs yet. `leaving`: it finishes its requests, and does not count any more. */
  readonly state: 'pending' | 'running' | 'leaving'
  readonly startedMs: number
  readonly isReady: boolean
  /** When it became ready, or stopped being so, the last time; its start if it never was. */
  readonly readyChangedMs: number
  /** What was measured of it; undefined: nothing. */
  readonly sample: Sample | undefined
}

export interface Sample {
  readonly value: number
  /** What it may use at most, for a utilisation. */
  readonly limit?: number
  /** Beginning of the time that it is measured over. */
  readonly fromMs: number
}

/** Instances by what can be said of them. */
export interface InstanceGroups {
  /** Ready, and measured while they were. */
  readonly counted: readonly Sample[]
  /** Not ready: what they use now says nothing about what they will take. */
  readonly unready: readonly ObservedInstance[]
  /** Ready as far as is known, but not measured. */
  readonly missing: readonly ObservedInstance[]
}

/** When what a young instance uses counts. */
export interface WarmUp {
  /** For so long after its start only what it has used since it became ready. */
  readonly initialisationMs: number
  /** One that has not been ready by then, and is not now, has never been ready. */
  readonly initialReadinessMs: number
}

/** Those of Kubernetes. */
export const WARM_UP: WarmUp = { initialisationMs: 300_000, initialReadinessMs: 30_000 }

/**
 * Sorts instances as Kubernetes does (`groupPods` of `replica_calculator.go`), so that the work of starting is not taken
 * for load. Pure.
 *
 * @param warmUp undefined for signals that starting does not raise
 */
export function groupInstances(
  instances: readonly ObservedInstance[],
  nowMs: number,
  warmUp: WarmUp | undefined,
): InstanceGroups {
  const groups = { counted: [] as Sample[], unready: [] as ObservedInstance[], missing: [] as ObservedInstance[] }
  for (const instance of instances) {
    if (instance.state === 'leaving') continue
    if (instance.state === 'pending') groups.unready.push(instance)
    else if (instance.sample === undefined) groups.missing.push(instance)
    else if (warmUp !== undefined && isWarmingUp(instance, instance.sample, nowMs, warmUp))
      groups.unready.push(instance)
    else groups.counted.push(instance.sample)
  }
  return groups
}

function isWarmingUp(instance: ObservedInstance, sample: Sample, nowMs: number, warmUp: WarmUp): boolean {
  const { startedMs, isReady, readyChangedMs } = instance
  if (startedMs + warmUp.initialisationMs > nowMs) return !isReady || sample.fromMs < readyChangedMs
  return !isReady && startedMs + warmUp.initialReadinessMs > readyChangedMs
}
