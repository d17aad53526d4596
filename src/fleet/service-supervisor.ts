import type { Notice, ServiceStatus } from '../control/snapshot.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { STOP_DEADLINE_MS_DEFAULT } from '../core/component.ts'
import { TenfoldError } from '../core/errors.ts'
import { freshSeed, seededRandom } from '../core/random.ts'
import type { CanaryOptions } from './canary.ts'
import { drainTimeoutMsOf } from './drain-timeout.ts'
import { InstanceSet } from './instance-set.ts'
import { notReady } from './not-ready.ts'
import type { ReconcilePolicy } from './reconcile.ts'
import { publishedEndpoints } from './published-endpoints.ts'
import { balanced } from './reconcile.ts'
import type { Revision } from './revision.ts'
import type { RolloutOptions } from './rollout.ts'
import { aborted, rolledBack, Rollout } from './rollout.ts'
import { ServedList } from './served-list.ts'
import type { ServiceSupervisorOptions } from './service-supervisor-options.ts'
import type { InstanceFailure, SupervisedInstance } from './supervised-instance.ts'

/** Keeps the wanted number of instances of one service running, ready, and known to the balancer. */
export interface ServiceSupervisor extends Component {
  /**
   * Resolves when all desired instances are ready.
   *
   * @throws TF_SERVICE_NOT_READY with what the program printed last; what the host threw; TF_ABORTED
   */
  start(signal?: AbortSignal): Promise<void>
  /**
   * Replaces all instances by instances of another revision: new ones start, and when one is ready and gets requests an
   * old one finishes its own and leaves. Resolves when only new ones get requests; some old may still be finishing.
   * If new ones fail, or do not pass as canary, all go back to the revision that ran before, which is wanted from then
   * on, and it rejects. A later call takes over from one that is under way.
   *
   * @throws TF_ROLLOUT_FAILED with what the program printed last; TF_ABORTED when the signal, a stop or a later
   * call ended it
   */
  replace(next: Revision, options?: RolloutOptions): Promise<void>
  /** What is wanted: what `replace` took last, unless it went back. */
  readonly revision: Revision
  /** Resolves when nothing is on its way in or out any more, at most after `deadlineMs`; false if something still was. */
  settled(deadlineMs: number): Promise<boolean>
  /** Changes how many instances are wanted; the set follows. @throws TF_USAGE unless 0 to 1,000 */
  scale(desired: number): void
  /** The present state, as in the snapshot. */
  status(): ServiceStatus
}

const DESIRED_MAX = 1_000

/**
 * Supervises one service.
 *
 * @example
 * const api = createServiceSupervisor({ service, release, host, balancer })
 * await api.start()
 * api.scale(5)
 */
export function createServiceSupervisor(options: ServiceSupervisorOptions): ServiceSupervisor {
  return new Supervisor(options)
}

class Supervisor implements ServiceSupervisor {
  readonly #options: ServiceSupervisorOptions
  readonly #name: string
  readonly #clock: Clock
  readonly #rollout: Rollout
  readonly #instances: InstanceSet
  readonly #served: ServedList
  #state: 'idle' | 'running' | 'stopping' = 'idle'
  #desired: number
  #stops = 0
  #stopped: Promise<void> = Promise.resolve()
  #cancelWake: Cancel = () => undefined
  #isDeciding = false
  #isDue = false
  #isHoldingBack: boolean
  #reported = ''

  constructor(options: ServiceSupervisorOptions) {
    const { service } = options
    this.#options = options
    this.#name = service.name
    this.#clock = options.clock ?? systemClock
    this.#isHoldingBack = (options.earlierIds ?? []).length > 0
    this.#desired = options.desired ?? service.instances.desired
    this.#rollout = new Rollout(service.name, { service, release: options.release })
    const warn = (message: string): void => this.#notice('warning', message)
    this.#served = new ServedList({
      service: service.name,
      balancer: options.balancer,
      clock: this.#clock,
      drainTimeoutMs: options.drainTimeoutMs ?? (() => drainTimeoutMsOf(this.revision.service)),
      warn,
    })
    this.#instances = new InstanceSet({
      service: service.name,
      clock: this.#clock,
      context: {
        host: options.host,
        clock: this.#clock,
        random: options.random ?? seededRandom(freshSeed()),
        probeIntervalMs: options.probeIntervalMs ?? 1_000,
        changed: () => this.#tick(),
        failed: (instance, failure) => this.#failed(instance, failure),
        warn,
        drain: (id) => this.#drain(id),
      },
      neverReady: (revision, error) => this.#rollout.fail(revision, error),
      onProblem: (message) => this.#notice('error', message),
    })
  }

  get revision(): Revision {
    return this.#rollout.revision
  }

  async start(signal?: AbortSignal): Promise<void> {
    const stops = this.#stops
    if (this.#state === 'stopping') await this.#stopped
    if (signal?.aborted === true || stops !== this.#stops) throw aborted(this.#name, signal?.reason)
    if (this.#state === 'idle') this.#begin()
    const onAbort = (): void => this.#rollout.end(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await this.#rollout.arrived
      await this.#served.settled()
    } catch (error) {
      this.#options.onStartFailed?.()
      await this.stop()
      throw error
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  stop(deadlineMs: number = STOP_DEADLINE_MS_DEFAULT): Promise<void> {
    this.#stops++
    if (this.#state === 'running') {
      this.#state = 'stopping'
      this.#rollout.end(undefined)
      this.#instances.endWithin(deadlineMs)
      this.#stopped = this.#end()
    } else if (this.#state === 'stopping') this.#instances.endWithin(deadlineMs)
    return this.#stopped
  }

  scale(desired: number): void {
    if (!Number.isInteger(desired) || desired < 0 || desired > DESIRED_MAX) {
      throw new TenfoldError('TF_USAGE', `expected 0 to ${DESIRED_MAX} instances of ${this.#name}, got ${desired}`, {
        hint: 'give a whole number',
      })
    }
    this.#desired = desired
    this.#tick()
  }

  async replace(next: Revision, options: RolloutOptions = {}): Promise<void> {
    const { signal } = options
    if (this.#state !== 'running') throw aborted(this.#name, 'it does not run')
    if (signal?.aborted === true) throw aborted(this.#name, signal.reason)
    this.#rollout.replace(next, options, this.#desired)
    const { arrived } = this.#rollout
    const onAbort = (): void => {
      if (this.#rollout.goBack(arrived, aborted(this.#name, signal?.reason))) this.#tick()
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      this.#tick()
      if (options.canary !== undefined) await this.#try(options.canary, arrived)
      await arrived
      await this.#served.settled()
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Resolves when what is tried has passed; then it is wanted. */
  async #try(canary: CanaryOptions, arrived: Promise<void>): Promise<void> {
    const over = new AbortController()
    try {
      await Promise.race([this.#rollout.trial?.ready, arrived])
      await this.#served.settled()
      await Promise.race([canary.hold(over.signal), arrived])
    } catch (error) {
      if (this.#rollout.goBack(arrived, rolledBack(this.#name, error))) this.#tick()
      // Whatever ended it: the way has an error of its own by now.
      await arrived
    } finally {
      over.abort()
    }
    this.#rollout.promote()
    this.#tick()
  }

  settled(deadlineMs: number): Promise<boolean> {
    return this.#instances.settled(deadlineMs)
  }

  status(): ServiceStatus {
    return {
      name: this.#name,
      desired: this.#desired,
      release: this.revision.release.id,
      instances: this.#instances
        .all()
        .toSorted((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }))
        .map((instance) => {
          const { id } = instance.revision.release
          return { ...instance.status(), ...(id === this.revision.release.id ? {} : { release: id }) }
        }),
    }
  }

  #begin(): void {
    this.#state = 'running'
    this.#rollout.begin()
    this.#instances.open()
    this.#served.open()
    this.#tick()
  }

  async #end(): Promise<void> {
    this.#cancelWake()
    this.#instances.removeAll('the service stops')
    this.#publish()
    await this.#instances.ended()
    await this.#served.close()
    this.#state = 'idle'
    this.#report()
  }

  /** Decides and acts; called after whatever may change the decision. */
  #tick(): void {
    this.#isDue = true
    // What an action changes at once is looked at when all actions of the decision have been begun.
    if (this.#isDeciding) return
    this.#isDeciding = true
    while (this.#isDue) {
      this.#isDue = false
      this.#decide()
    }
    this.#isDeciding = false
    this.#publish()
    this.#report()
  }

  #decide(): void {
    if (this.#state !== 'running') return
    const nowMs = this.#clock.nowMs()
    const { trial } = this.#rollout
    for (const instance of this.#instances.all()) {
      instance.isOutdated = instance.revision !== this.revision && instance.revision !== trial?.revision
    }
    this.#reconcile(this.revision, this.#desired, nowMs)
    if (trial !== undefined) this.#reconcile(trial.revision, Math.min(trial.count, this.#desired), nowMs)
    this.#checkAllReady()
    this.#wakeWhenDue(nowMs)
  }

  /** What is tried is a set of its own: the others stay as many as they are. */
  #reconcile(revision: Revision, desired: number, nowMs: number): void {
    const tried = this.#rollout.trial?.revision
    const isOfSet = (each: SupervisedInstance): boolean => (each.revision === tried) === (revision === tried)
    const wanted = { revision, desired, isOfSet, isFirst: !this.#rollout.isDone }
    this.#instances.reconcile(wanted, this.#policy(), nowMs)
  }

  #policy(): ReconcilePolicy {
    const { startTimeoutMs, zones = [] } = this.revision.service
    const { restartAfterProbes = 10, earlierIds: preferredIds = [], startsAtOnce = Infinity } = this.#options
    const { surge } = this.#rollout
    return { surge, startTimeoutMs, unhealthyAfterProbes: 3, restartAfterProbes, preferredIds, zones, startsAtOnce }
  }

  #wakeWhenDue(nowMs: number): void {
    this.#cancelWake()
    const dueMs = this.#instances.nextDueMs(this.#policy(), nowMs)
    // What is due already waits for room, which comes with another change.
    if (dueMs > nowMs && dueMs < Infinity) this.#cancelWake = this.#clock.schedule(dueMs - nowMs, () => this.#tick())
  }

  #drain(id: string): Promise<void> {
    // Not when the decision is over: until then the balancer would seem to have the list without it.
    this.#publish()
    return this.#served.drain(id, this.#instances.drainingOver)
  }

  #failed(instance: SupervisedInstance, failure: InstanceFailure & { isNewCrashLoop: boolean }): void {
    if (failure.isNewCrashLoop) {
      const hint = `read what it printed: tenfold logs ${this.#name}`
      this.#notice('error', `${instance.id} fails again and again: ${failure.reason}`, hint)
    }
    const { revision, history } = instance
    if (failure.cause !== undefined) this.#rollout.fail(revision, failure.cause)
    else if (history.inARow >= this.#rollout.attempts) this.#rollout.fail(revision, notReady(instance.id, failure))
    this.#tick()
  }

  #checkAllReady(): void {
    const { trial, isDone } = this.#rollout
    const isReady = ({ phase, isLeaving, revision }: SupervisedInstance): boolean =>
      phase.kind === 'ready' && !isLeaving && revision === (trial?.revision ?? this.revision)
    const ready = this.#instances.all().filter(isReady).length
    if (trial !== undefined && ready >= Math.min(trial.count, this.#desired)) this.#rollout.arriveTrial()
    else if (trial === undefined && !isDone && ready >= this.#desired) this.#rollout.arrive()
  }

  #publish(): void {
    if (this.#isHoldingBack && this.#state === 'running' && !this.#rollout.isDone) return
    this.#isHoldingBack = false
    const ids = this.#state === 'running' ? balanced(this.#instances.all(), this.#desired, this.#policy()) : []
    this.#served.publish(publishedEndpoints(this.#instances.named(ids), this.#rollout.trial))
  }

  #report(): void {
    const status = this.status()
    const text = JSON.stringify(status)
    if (text === this.#reported) return
    this.#reported = text
    this.#options.onStatus?.(status)
  }

  #notice(level: Notice['level'], message: string, hint?: string): void {
    const notice = { atEpochMs: this.#clock.epochMs(), level, message }
    this.#options.onNotice?.(hint === undefined ? notice : { ...notice, hint })
  }
}
