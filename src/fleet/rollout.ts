import type { RequestMatch } from '../blueprint/resolved-traffic.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { CanaryOptions } from './canary.ts'
import { canaryCount } from './canary.ts'
import type { Revision } from './revision.ts'

/** How instances are replaced. */
export interface RolloutOptions {
  /** How many new ones may run beside the old; 0: an old one leaves before a new one starts. @default 1 */
  readonly surge?: number
  /** So many failures in a row of one new instance end the rollout. @default 3 */
  readonly attempts?: number
  /** Is tried with a share of the requests first, by instances beside all the others. @default not */
  readonly canary?: CanaryOptions | undefined
  /** Goes back to what ran before, while it is under way. */
  readonly signal?: AbortSignal
}

const SURGE_DEFAULT = 1
/** A program that can't run is better said at once than tried for minutes. */
const ATTEMPTS_DEFAULT = 3

/** A revision that is tried beside the one that is wanted. */
export interface Trial {
  readonly revision: Revision
  readonly count: number
  readonly share: number
  readonly match: RequestMatch | undefined
  /** Settles when its instances are ready, or it is given up. */
  readonly ready: Promise<void>
}

/**
 * What a supervisor is on its way to: the first instances of a service, those of another revision, or back. It only
 * keeps the books; the supervisor tells it what happens and acts on what it says.
 */
export class Rollout {
  revision: Revision
  surge: number = SURGE_DEFAULT
  attempts: number = ATTEMPTS_DEFAULT
  /** Whether all instances of the revision have been ready. */
  isDone = false
  readonly #service: string
  /** What to go back to, while another revision is rolled out. */
  #former: Revision | undefined
  #isFirst = true
  #arrival = Promise.withResolvers<void>()
  #trial: (Trial & { resolve(): void }) | undefined

  constructor(service: string, revision: Revision) {
    this.#service = service
    this.revision = revision
  }

  /** Settles with the present way. */
  get arrived(): Promise<void> {
    return this.#arrival.promise
  }

  /** What is tried; the revision that is wanted stays until it has passed. */
  get trial(): Trial | undefined {
    return this.#trial
  }

  /** The first instances are on their way. */
  begin(): void {
    this.#isFirst = true
    this.#former = undefined
    this.#head(this.revision)
  }

  /** Another revision is, or is tried. @throws TF_ABORTED before the first instances have been ready */
  replace(next: Revision, options: RolloutOptions, desired: number): void {
    const { surge = SURGE_DEFAULT, attempts = ATTEMPTS_DEFAULT, canary } = options
    if (this.#isFirst && !this.isDone) throw aborted(this.#service, 'it has not started yet')
    this.end('a later change took over')
    this.#isFirst = false
    this.#former ??= this.revision
    this.#head(canary === undefined ? next : this.#former)
    this.surge = surge
    this.attempts = attempts
    if (canary === undefined) return
    const { promise: ready, resolve } = Promise.withResolvers<void>()
    const { share, match } = canary
    this.#trial = { revision: next, count: canaryCount(desired, share), share, match, ready, resolve }
  }

  /** All instances of what is tried are ready. */
  arriveTrial(): void {
    this.#trial?.resolve()
  }

  /** What was tried is wanted now: the others are replaced. */
  promote(): void {
    if (this.#trial === undefined) return
    this.revision = this.#trial.revision
    this.#trial = undefined
  }

  /** All instances are ready. */
  arrive(): void {
    this.isDone = true
    this.#former = undefined
    this.#arrival.resolve()
  }

  /** The way is left; nothing else is wanted instead. */
  end(reason: unknown): void {
    this.#arrival.reject(aborted(this.#service, reason))
  }

  /**
   * An instance of `revision` failed before all were ready: a first start ends with the error, a rollout goes back.
   * True if something else is wanted now.
   */
  fail(revision: Revision, error: unknown): boolean {
    if (this.isDone || revision !== (this.#trial?.revision ?? this.revision)) return false
    if (this.#former === undefined) this.#arrival.reject(error)
    return this.goBack(this.arrived, rolledBack(this.#service, error))
  }

  /** Leaves a rollout, if it is still the one that is under way. True if something else is wanted now. */
  goBack(rollout: Promise<void>, error: TenfoldError): boolean {
    if (rollout !== this.arrived || this.#former === undefined || this.isDone) return false
    this.#arrival.reject(error)
    this.#head(this.#former)
    this.#former = undefined
    return true
  }

  #head(revision: Revision): void {
    this.revision = revision
    this.#trial?.resolve()
    this.#trial = undefined
    this.isDone = false
    this.surge = SURGE_DEFAULT
    this.attempts = ATTEMPTS_DEFAULT
    this.#arrival = Promise.withResolvers()
    // Whoever waits hears of it; nobody may be waiting.
    this.#arrival.promise.catch(() => undefined)
  }
}

/** The error of a start or a rollout that was cut short. */
export function aborted(service: string, cause: unknown): TenfoldError {
  return new TenfoldError('TF_ABORTED', `expected ${service} to start, but it was stopped`, { cause })
}

/** The error of a rollout that went back. */
export function rolledBack(service: string, cause: unknown): TenfoldError {
  const message = `expected the new ${service} to run, but it was rolled back: ${messageOf(cause)}`
  return new TenfoldError('TF_ROLLOUT_FAILED', message, {
    hint: 'correct what is said here and do it again; what ran before goes on',
    details: { service, ...(cause instanceof TenfoldError ? cause.details : {}) },
    cause,
  })
}
