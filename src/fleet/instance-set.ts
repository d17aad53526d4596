import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { notReady } from './not-ready.ts'
import type { ReconcilePolicy } from './reconcile.ts'
import { nextDueMs, reconcile } from './reconcile.ts'
import type { Revision } from './revision.ts'
import { StopLimit } from './stop-limit.ts'
import type { InstanceContext } from './supervised-instance.ts'
import { SupervisedInstance } from './supervised-instance.ts'

/** @see InstanceSet */
export interface InstanceSetOptions {
  readonly service: string
  readonly clock: Clock
  readonly context: Omit<InstanceContext, 'revision' | 'stopTimeoutMs'>
  /** An instance was taken down because it did not get ready in time, as one that is started for the first time. */
  readonly neverReady: (revision: Revision, error: Error) => void
  /** What should not happen has. */
  readonly onProblem: (message: string) => void
}

/** How many of a revision there should be. */
export interface WantedInstances {
  readonly revision: Revision
  readonly desired: number
  /** Those of it are counted, and nobody else. */
  readonly isOfSet: (instance: SupervisedInstance) => boolean
  /** Whether they are on their way for the first time. */
  readonly isFirst: boolean
}

const SETTLE_POLL_MS = 50

/** The instances of one service: carries out what `reconcile` decides and follows each one to its end. */
export class InstanceSet {
  readonly #options: InstanceSetOptions
  readonly #instances = new Map<string, SupervisedInstance>()
  readonly #work = new Set<Promise<void>>()
  #stopLimit: StopLimit

  constructor(options: InstanceSetOptions) {
    this.#options = options
    this.#stopLimit = new StopLimit(options.clock)
  }

  all(): readonly SupervisedInstance[] {
    return [...this.#instances.values()]
  }

  /** Those of these ids, in their order. */
  named(ids: readonly string[]): readonly SupervisedInstance[] {
    return ids.map((id) => this.#instances.get(id)!)
  }

  /** Resolves when requests in flight have had their time in a stop. */
  get drainingOver(): Promise<void> {
    return this.#stopLimit.drainingOver
  }

  /** Begins what is missing between those that there are and those that are wanted. */
  reconcile(wanted: WantedInstances, policy: ReconcilePolicy, nowMs: number): void {
    const { revision, desired, isOfSet, isFirst } = wanted
    const observed = this.all().filter(isOfSet)
    const isServing = this.all().some(({ phase }) => phase.kind === 'ready')
    // Where nobody serves, nobody has to be spared.
    const { startsAtOnce = Infinity } = isServing ? policy : {}
    const free = { ...policy, taken: [...this.#instances.keys()], startsAtOnce }
    for (const { kind, id, reason } of reconcile(this.#options.service, observed, desired, nowMs, free)) {
      const instance = this.#instances.get(id) ?? this.#instanceOf(id, revision)
      this.#instances.set(id, instance)
      if (kind === 'start') this.#track(instance.run(reason, isServing))
      else if (kind === 'remove') this.#remove(instance, reason)
      else this.#track(this.#restart(instance, reason, isFirst))
    }
  }

  /** When something is due although nothing changes; Infinity: nothing is. */
  nextDueMs(policy: ReconcilePolicy, nowMs: number): number {
    return nextDueMs(this.all(), nowMs, policy)
  }

  /** See `ServiceSupervisor.settled`. */
  async settled(deadlineMs: number): Promise<boolean> {
    const { clock } = this.#options
    const giveUpMs = clock.nowMs() + deadlineMs
    const isMoving = ({ isLeaving, isOutdated, phase }: SupervisedInstance): boolean =>
      isLeaving || isOutdated || phase.kind === 'starting' || phase.kind === 'draining' || phase.kind === 'stopping'
    while (this.all().some(isMoving)) {
      if (clock.nowMs() >= giveUpMs) return false
      await sleep(clock, SETTLE_POLL_MS)
    }
    return true
  }

  /** There is no limit to a stop yet. */
  open(): void {
    this.#stopLimit = new StopLimit(this.#options.clock)
  }

  /** Bounds a stop; a shorter deadline hastens one that is under way. */
  endWithin(deadlineMs: number): void {
    if (!this.#stopLimit.shorten(deadlineMs)) return
    for (const instance of this.#instances.values()) this.#track(instance.hasten(deadlineMs))
  }

  /** Begins to take all of them down. */
  removeAll(reason: string): void {
    for (const instance of this.#instances.values()) if (!instance.isLeaving) this.#remove(instance, reason)
  }

  /** Resolves when nothing of them is under way. */
  async ended(): Promise<void> {
    while (this.#work.size > 0) await Promise.allSettled(this.#work)
    this.#stopLimit.close()
  }

  #instanceOf(id: string, revision: Revision): SupervisedInstance {
    const { stopTimeoutMs } = revision.service
    return new SupervisedInstance(id, {
      ...this.#options.context,
      revision,
      stopTimeoutMs: () => Math.min(stopTimeoutMs, this.#stopLimit.remainingMs()),
    })
  }

  #remove(instance: SupervisedInstance, reason: string): void {
    instance.isLeaving = true
    const removal = instance.takeDown(reason).finally(() => {
      this.#instances.delete(instance.id)
      this.#options.context.changed()
    })
    this.#track(removal)
  }

  async #restart(instance: SupervisedInstance, decision: string, isFirst: boolean): Promise<void> {
    const isFirstStart = instance.phase.kind === 'starting' && isFirst
    const reason = instance.reason === undefined ? decision : `${decision}: ${instance.reason}`
    const exited = instance.running?.exited
    await instance.takeDown(reason)
    // It has ended by now, so this does not wait; what it printed is often the only explanation.
    const lastLines = (await exited)?.lastLines ?? []
    if (isFirstStart) this.#options.neverReady(instance.revision, notReady(instance.id, { reason, lastLines }))
    instance.fail({ reason, lastLines, cause: undefined })
  }

  #track(work: Promise<void>): void {
    const { service, onProblem } = this.#options
    const tracked = work.catch((error: unknown) => onProblem(`${service}: ${messageOf(error)}`))
    this.#work.add(tracked)
    void tracked.finally(() => this.#work.delete(tracked))
  }
}
