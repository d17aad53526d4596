import type { ResolvedScale } from '../blueprint/resolved-scale.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import type { Cap, Recommendation, ScalingMemory, ScalingTerms } from './recommend.ts'
import { NO_MEMORY, recommend } from './recommend.ts'
import { SCALING_BEHAVIOUR } from './scaling-rules.ts'
import type { Measurement } from './wanted-instances.ts'

/** Looks at services again and again and changes how many instances they have. */
export interface Autoscaler extends Component {
  /** Leaves a service alone from now on: somebody has decided by hand. */
  pause(service: string): void
  /** Decides for a service again, as if for the first time, and at once. Nothing happens to one that does not scale. */
  resume(service: string): void
}

/** A service that scales by itself, as it is now. */
export interface ScaledService {
  readonly name: string
  readonly scale: ResolvedScale
  readonly min: number
  readonly max: number
  /** How many instances are wanted. */
  readonly current: number
}

/** One decision about one service. */
export interface ScalingDecision extends Omit<Recommendation, 'memory'> {
  readonly service: string
  readonly atEpochMs: number
  readonly scale: ResolvedScale
  /** How many there were. */
  readonly from: number
}

/** What it sees and what it moves; `runtime` wires them. */
export interface AutoscalerOptions {
  /** Those that scale by themselves, in the order in which they get what there is little of. */
  readonly services: () => readonly ScaledService[]
  readonly measure: (service: ScaledService) => Measurement
  readonly caps: (service: ScaledService) => readonly Cap[]
  readonly scale: (service: string, count: number) => void
  /** Gets every decision, also those that change nothing. */
  readonly onDecision: (decision: ScalingDecision) => void
  /** A service does not scale by itself any more, or is gone. */
  readonly onForgotten?: (service: string) => void
  readonly clock: Clock
  /** Control time runs so many times as fast: windows and periods pass, and looks come, so much sooner. @default 1 */
  readonly timeScale?: number
}

/** As often as Kubernetes does. */
export const LOOK_INTERVAL_MS = 15_000
/** Measurements come once a second. */
const LOOK_INTERVAL_MS_MIN = 1_000

/** Decides every 15 s of control time. */
export function createAutoscaler(options: AutoscalerOptions): Autoscaler {
  return new ClockedAutoscaler(options)
}

class ClockedAutoscaler implements Autoscaler {
  readonly #options: AutoscalerOptions
  readonly #timeScale: number
  readonly #memories = new Map<string, ScalingMemory>()
  readonly #paused = new Set<string>()
  #cancel: Cancel | undefined

  constructor(options: AutoscalerOptions) {
    this.#options = options
    this.#timeScale = options.timeScale ?? 1
  }

  async start(): Promise<void> {
    const intervalMs = Math.max(LOOK_INTERVAL_MS_MIN, LOOK_INTERVAL_MS / this.#timeScale)
    this.#cancel ??= this.#options.clock.every(intervalMs, () => this.#look(), { unref: true })
  }

  async stop(): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
  }

  pause(service: string): void {
    this.#paused.add(service)
    this.#memories.delete(service)
  }

  resume(service: string): void {
    this.#paused.delete(service)
    this.#memories.delete(service)
    const found = this.#options.services().find(({ name }) => name === service)
    if (found === undefined) return
    // None at all would be taken for somebody's wish.
    if (found.current === 0) this.#options.scale(service, found.min)
    this.#decide(found.current === 0 ? { ...found, current: found.min } : found)
  }

  #look(): void {
    const services = this.#options.services()
    const known = new Set(services.map(({ name }) => name))
    for (const gone of [...this.#memories.keys(), ...this.#paused].filter((name) => !known.has(name))) {
      this.#memories.delete(gone)
      this.#paused.delete(gone)
      this.#options.onForgotten?.(gone)
    }
    // One after the other: what one takes, the next does not have.
    for (const service of services) if (!this.#paused.has(service.name)) this.#decide(service)
  }

  #decide(service: ScaledService): void {
    const { measure, caps, scale, onDecision, clock } = this.#options
    const { memory, ...decision } = recommend({
      current: service.current,
      measurements: [measure(service)],
      terms: termsOf(service),
      caps: caps(service),
      memory: this.#memories.get(service.name) ?? NO_MEMORY,
      nowMs: clock.nowMs() * this.#timeScale,
    })
    if (decision.desired !== service.current) scale(service.name, decision.desired)
    this.#memories.set(service.name, memory)
    onDecision({
      ...decision,
      service: service.name,
      atEpochMs: clock.epochMs(),
      scale: service.scale,
      from: service.current,
    })
  }
}

function termsOf({ scale, min, max }: ScaledService): ScalingTerms {
  const { out, in: inward } = SCALING_BEHAVIOUR
  return {
    min,
    max,
    tolerance: scale.tolerance,
    behaviour: {
      out: { ...out, stabilisationMs: scale.stabilisationMs.out },
      in: { ...inward, stabilisationMs: scale.stabilisationMs.in },
    },
  }
}
