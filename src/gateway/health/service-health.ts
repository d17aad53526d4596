import type { ResolvedTraffic } from '../../blueprint/resolved-traffic.ts'
import { DEFAULT_TRAFFIC } from '../../blueprint/resolved-traffic.ts'
import type { Random } from '../../core/random.ts'
import type { Endpoint } from '../gateway-config.ts'
import type { Outcomes } from './outlier-detection.ts'
import { ejectedMs, mayEject, OUTLIER_INTERVAL_MS, rateOutliers } from './outlier-detection.ts'
import type { ProbeState } from './probe-verdict.ts'
import { afterProbe, PROBED_FIRST } from './probe-verdict.ts'

/** An instance as its health is kept. */
export interface Patient {
  readonly id: string
  readonly endpoint: Endpoint
  readonly outcomes: Outcomes
}

/** Why an instance gets no requests. */
export type OutReason = 'consecutive_failures' | 'success_rate' | 'probe'

/** A change in who gets requests. */
export type HealthChange<T> =
  | { readonly kind: 'out'; readonly instance: T; readonly reason: OutReason; readonly detail: string }
  | { readonly kind: 'back'; readonly instance: T; readonly reason: OutReason }
  /** So many are out that all get requests again; or no longer. */
  | { readonly kind: 'panic'; readonly isPanic: boolean; readonly detail: string }

/** An instance that gets no requests. */
export interface OutOfRotation<T> {
  readonly instance: T
  readonly reason: OutReason
  readonly detail: string
}

/** Who of a service's instances gets requests, by how they answer. Reads no clock and does no I/O. */
export interface ServiceHealth<T extends Patient> {
  /** Those that get requests; another list whenever it changes, and all of them in a panic. */
  readonly available: readonly T[]
  readonly out: readonly OutOfRotation<T>[]
  readonly isPanic: boolean
  configure(instances: readonly T[], traffic: ResolvedTraffic): void
  /** One attempt has been answered, or has failed. */
  report(instance: T, isFailure: boolean, nowMs: number): void
  /** One probe has ended; `failure` says why it failed. */
  probed(instance: T, failure: string | undefined): void
  /** Looks at rates when it is time, and lets back who has been out for long enough. */
  sweep(nowMs: number): void
}

export function createServiceHealth<T extends Patient>(options: {
  random: Random
  onChange: (change: HealthChange<T>) => void
}): ServiceHealth<T> {
  return new InstancesHealth(options.random, options.onChange)
}

interface Ejected {
  readonly reason: OutReason
  readonly detail: string
  readonly untilMs: number
}

class InstancesHealth<T extends Patient> implements ServiceHealth<T> {
  available: readonly T[] = []
  isPanic = false
  readonly #random: Random
  readonly #onChange: (change: HealthChange<T>) => void
  readonly #ejected = new Map<T, Ejected>()
  /** How often each was ejected in a row; one less for each interval in which it was not. */
  readonly #times = new Map<T, number>()
  /** Back since rates were last looked at. */
  readonly #justBack = new Set<T>()
  readonly #probes = new Map<T, ProbeState>()
  readonly #sick = new Map<T, string>()
  #instances: readonly T[] = []
  #traffic: ResolvedTraffic = DEFAULT_TRAFFIC
  #nextLookMs = -Infinity

  constructor(random: Random, onChange: (change: HealthChange<T>) => void) {
    this.#random = random
    this.#onChange = onChange
  }

  get out(): readonly OutOfRotation<T>[] {
    const sick = [...this.#sick].map(([instance, detail]) => ({ instance, reason: 'probe' as const, detail }))
    const ejected = [...this.#ejected].filter(([instance]) => !this.#sick.has(instance))
    return [...sick, ...ejected.map(([instance, { reason, detail }]) => ({ instance, reason, detail }))]
  }

  configure(instances: readonly T[], traffic: ResolvedTraffic): void {
    this.#instances = instances
    this.#traffic = traffic
    const staying = new Set(instances)
    for (const kept of [this.#ejected, this.#justBack, this.#times, this.#probes, this.#sick]) {
      for (const instance of kept.keys()) if (!staying.has(instance)) kept.delete(instance)
    }
    if (traffic.ejection === undefined) this.#ejected.clear()
    if (traffic.probe === undefined) {
      this.#probes.clear()
      this.#sick.clear()
    }
    this.#arrange()
  }

  report(instance: T, isFailure: boolean, nowMs: number): void {
    const { outcomes } = instance
    outcomes.requests += 1
    if (!isFailure) {
      outcomes.consecutive = 0
      return
    }
    outcomes.failures += 1
    outcomes.consecutive += 1
    const { ejection } = this.#traffic
    if (ejection === undefined || outcomes.consecutive < ejection.after) return
    this.#eject(instance, 'consecutive_failures', `${outcomes.consecutive} failures in a row`, nowMs)
  }

  probed(instance: T, failure: string | undefined): void {
    const { probe } = this.#traffic
    if (probe === undefined || !this.#instances.includes(instance)) return
    const wasOut = this.#isOut(instance)
    const after = afterProbe(this.#probes.get(instance) ?? PROBED_FIRST, failure === undefined, probe)
    this.#probes.set(instance, after)
    if (!after.isHealthy) {
      if (!this.#sick.has(instance)) this.#sick.set(instance, failure as string)
    } else {
      this.#sick.delete(instance)
      // Who passes a probe is well, whatever was wrong with its answers before.
      if (failure === undefined && this.#ejected.delete(instance)) instance.outcomes.consecutive = 0
    }
    if (this.#isOut(instance) === wasOut) return
    this.#arrange()
    if (wasOut) this.#onChange({ kind: 'back', instance, reason: 'probe' })
    else this.#onChange({ kind: 'out', instance, reason: 'probe', detail: failure as string })
  }

  sweep(nowMs: number): void {
    for (const [instance, { reason, untilMs }] of this.#ejected) {
      if (untilMs > nowMs) continue
      this.#ejected.delete(instance)
      this.#justBack.add(instance)
      instance.outcomes.consecutive = 0
      if (this.#isOut(instance)) continue
      this.#arrange()
      this.#onChange({ kind: 'back', instance, reason })
    }
    if (nowMs < this.#nextLookMs) return
    this.#nextLookMs = nowMs + OUTLIER_INTERVAL_MS
    this.#look(nowMs)
  }

  #look(nowMs: number): void {
    if (this.#traffic.ejection !== undefined) {
      const inRotation = this.#instances.filter((instance) => !this.#isOut(instance))
      for (const { instance, reason } of rateOutliers(inRotation)) this.#eject(instance, 'success_rate', reason, nowMs)
    }
    for (const instance of this.#instances) {
      instance.outcomes.requests = 0
      instance.outcomes.failures = 0
      const times = this.#times.get(instance)
      if (times === undefined || this.#ejected.has(instance) || this.#justBack.has(instance)) continue
      if (times > 1) this.#times.set(instance, times - 1)
      else this.#times.delete(instance)
    }
    this.#justBack.clear()
  }

  #eject(instance: T, reason: OutReason, detail: string, nowMs: number): void {
    const { ejection } = this.#traffic
    if (ejection === undefined || this.#isOut(instance) || !this.#instances.includes(instance)) return
    if (!mayEject(this.#ejected.size, this.#instances.length, ejection)) return
    const times = (this.#times.get(instance) ?? 0) + 1
    this.#times.set(instance, times)
    const forMs = ejectedMs(times, ejection, this.#random.next())
    const text = `${detail}: out for ${Math.round(forMs / 1_000)} s`
    this.#ejected.set(instance, { reason, detail: text, untilMs: nowMs + forMs })
    this.#arrange()
    this.#onChange({ kind: 'out', instance, reason, detail: text })
  }

  #isOut(instance: T): boolean {
    return this.#ejected.has(instance) || this.#sick.has(instance)
  }

  /** Works out who gets requests. With fewer than the panic threshold left, all do: a few would not bear it either. */
  #arrange(): void {
    const all = this.#instances
    const well = all.filter((instance) => !this.#isOut(instance))
    const wasPanic = this.isPanic
    this.isPanic = well.length < all.length && well.length < all.length * this.#traffic.panicBelow
    this.available = this.isPanic || well.length === all.length ? all : well
    if (this.isPanic === wasPanic) return
    const detail = `${well.length} of ${all.length} instances are well`
    this.#onChange({ kind: 'panic', isPanic: this.isPanic, detail })
  }
}
