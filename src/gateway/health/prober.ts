import type { ResolvedProbe } from '../../blueprint/resolved-traffic.ts'
import type { Cancel, Clock } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'
import type { ProbeInstance } from './probe-instance.ts'
import type { Patient } from './service-health.ts'

/** Asks the instances of one service again and again whether they are well. */
export interface Prober<T extends Patient> {
  /** Whom to ask from now on; without rules nobody. */
  configure(instances: readonly T[], rules: ResolvedProbe | undefined): void
  stop(): void
}

/** One probe at a time for each instance; the first comes after a part of the interval, so that not all come at once. */
export function createProber<T extends Patient>(options: {
  clock: Clock
  random: Random
  probe: ProbeInstance
  onProbed: (instance: T, failure: string | undefined) => void
}): Prober<T> {
  const { clock, random, probe, onProbed } = options
  const waiting = new Map<T, Cancel | undefined>()
  let rules: ResolvedProbe | undefined

  function askIn(delayMs: number, instance: T): void {
    waiting.set(
      instance,
      clock.schedule(delayMs, () => void ask(instance)),
    )
  }

  async function ask(instance: T): Promise<void> {
    if (rules === undefined) return
    waiting.set(instance, undefined)
    const failure = await probe(instance.endpoint, rules.path, rules.timeoutMs)
    if (!waiting.has(instance) || rules === undefined) return
    onProbed(instance, failure)
    if (waiting.has(instance)) askIn(rules.intervalMs, instance)
  }

  function forget(instance: T): void {
    waiting.get(instance)?.()
    waiting.delete(instance)
  }

  return {
    configure(instances, given) {
      rules = given
      const staying = new Set(given === undefined ? [] : instances)
      for (const instance of waiting.keys()) if (!staying.has(instance)) forget(instance)
      for (const instance of staying) {
        if (!waiting.has(instance) && given !== undefined) askIn(random.next() * given.intervalMs, instance)
      }
    },
    stop() {
      rules = undefined
      for (const instance of waiting.keys()) forget(instance)
    },
  }
}
