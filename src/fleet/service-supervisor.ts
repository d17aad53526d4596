import type { Notice, ServiceStatus } from '../control/snapshot.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import { sleep, systemClock, withTimeout } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { STOP_DEADLINE_MS_DEFAULT } from '../core/component.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import { freshSeed, seededRandom } from '../core/random.ts'
import type { CanaryOptions } from './canary.ts'
import type { EndpointPublisher } from './endpoint-publisher.ts'
import { createEndpointPublisher } from './endpoint-publisher.ts'
import { notReady } from './not-ready.ts'
import type { ReconcilePolicy } from './reconcile.ts'
import { publishedEndpoints } from './published-endpoints.ts'
import { balanced, nextDueMs, reconcile } from './reconcile.ts'
import type { Revision } from './revision.ts'
import type { RolloutOptions } from './rollout.ts'
import { aborted, rolledBack, Rollout } from './rollout.ts'
import type { ServiceSupervisorOptions } from './service-supervisor-options.ts'
import type { InstanceContext, InstanceFailure } from './supervised-instance.ts'
import { StopLimit } from './stop-limit.ts'
import { SupervisedInstance } from './supervised-instance.ts'

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

const DRAIN_TIMEOUT_MS_DEFAULT = 30_000
const DESIRED_MAX = 1_000
const SETTLE_POLL_MS = 50

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
  readonly #context: Omit<InstanceContext, 'revision' | 'stopTimeoutMs'>
  readonly #instances = new Map<string, SupervisedInstance>()
  readonly #work = new Set<Promise<void>>()
  #state: 'idle' | 'running' | 'stopping' = 'idle'
  #desired: number
  readonly #rollout: Rollout
  #stops = 0
  #stopped: Promise<void> = Promise.resolve()
  #stopLimit: StopLimit
  #cancelWake: Cancel = () => undefined
  #publisher: EndpointPublisher | undefined
  #isDeciding = false
  #isDue = false
  #isHoldingBack: boolean
  #published = '[]'
  #reported = ''

  constructor(options: ServiceSupervisorOptions) {
    const { service } = options
    this.#options = options
    this.#name = service.name
    this.#clock = options.clock ?? systemClock
    this.#stopLimit = new StopLimit(this.#clock)
    this.#isHoldingBack = (options.earlierIds ?? []).length > 0
    this.#desired = options.desired ?? service.instances.desired
    this.#rollout = new Rollout(service.name, { service, release: options.release })
    this.#context = {
      host: options.host,
      clock: this.#clock,
      random: options.random ?? seededRandom(freshSeed()),
      probeIntervalMs: options.probeIntervalMs ?? 1_000,
      changed: () => this.#tick(),
      failed: (instance, failure) => this.#failed(instance, failure),
      warn: (message) => this.#notice('warning', message),
      drain: (id) => this.#drain(id),
    }
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
      await this.#publisher?.settled(DRAIN_TIMEOUT_MS_DEFAULT)
    } catch (error) {
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
      this.#endWithin(deadlineMs)
      this.#stopped = this.#end()
    } else if (this.#state === 'stopping') this.#endWithin(deadlineMs)
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
      await this.#publisher?.settled(DRAIN_TIMEOUT_MS_DEFAULT)
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Resolves when what is tried has passed; then it is wanted. */
  async #try(canary: CanaryOptions, arrived: Promise<void>): Promise<void> {
    const over = new AbortController()
    try {
      await Promise.race([this.#rollout.trial?.ready, arrived])
      await this.#publisher?.settled(DRAIN_TIMEOUT_MS_DEFAULT)
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

  async settled(deadlineMs: number): Promise<boolean> {
    const giveUpMs = this.#clock.nowMs() + deadlineMs
    const isMoving = ({ isLeaving, isOutdated, phase }: SupervisedInstance): boolean =>
      isLeaving || isOutdated || phase.kind === 'starting' || phase.kind === 'draining' || phase.kind === 'stopping'
    while ([...this.#instances.values()].some(isMoving)) {
      if (this.#clock.nowMs() >= giveUpMs) return false
      await sleep(this.#clock, SETTLE_POLL_MS)
    }
    return true
  }

  status(): ServiceStatus {
    return {
      name: this.#name,
      desired: this.#desired,
      release: this.revision.release.id,
      instances: [...this.#instances.values()]
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
    this.#stopLimit = new StopLimit(this.#clock)
    this.#published = '[]'
    this.#publisher = createEndpointPublisher({
      service: this.#name,
      balancer: this.#options.balancer,
      clock: this.#clock,
      onFailure: (reason) =>
        this.#notice('warning', `the gateway did not take the instances of ${this.#name}: ${reason}`),
    })
    this.#tick()
  }

  async #end(): Promise<void> {
    this.#cancelWake()
    for (const instance of this.#instances.values())
      if (!instance.isLeaving) this.#remove(instance, 'the service stops')
    this.#publish()
    while (this.#work.size > 0) await Promise.allSettled(this.#work)
    this.#stopLimit.close()
    await this.#publisher?.close()
    this.#state = 'idle'
    this.#report()
  }

  /** Bounds a stop; a shorter deadline hastens one that is under way. */
  #endWithin(deadlineMs: number): void {
    if (!this.#stopLimit.shorten(deadlineMs)) return
    for (const instance of this.#instances.values()) this.#track(instance.hasten(deadlineMs))
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
    for (const instance of this.#instances.values()) {
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
    const observed = [...this.#instances.values()].filter((each) => (each.revision === tried) === (revision === tried))
    const policy = { ...this.#policy(), taken: [...this.#instances.keys()] }
    for (const { kind, id, reason } of reconcile(this.#name, observed, desired, nowMs, policy)) {
      const instance = this.#instances.get(id) ?? this.#instanceOf(id, revision)
      this.#instances.set(id, instance)
      if (kind === 'start') this.#track(instance.run(reason))
      else if (kind === 'remove') this.#remove(instance, reason)
      else this.#track(this.#restart(instance, reason))
    }
  }

  #instanceOf(id: string, revision: Revision): SupervisedInstance {
    const { stopTimeoutMs } = revision.service
    return new SupervisedInstance(id, {
      ...this.#context,
      revision,
      stopTimeoutMs: () => Math.min(stopTimeoutMs, this.#stopLimit.remainingMs()),
    })
  }

  #policy(): ReconcilePolicy {
    const { startTimeoutMs, zones = [] } = this.revision.service
    const { restartAfterProbes = 10, earlierIds = [] } = this.#options
    const { surge } = this.#rollout
    return { surge, startTimeoutMs, unhealthyAfterProbes: 3, restartAfterProbes, preferredIds: earlierIds, zones }
  }

  #wakeWhenDue(nowMs: number): void {
    this.#cancelWake()
    const dueMs = nextDueMs([...this.#instances.values()], this.#policy())
    // What is due already waits for room, which comes with another change.
    if (dueMs > nowMs && dueMs < Infinity) this.#cancelWake = this.#clock.schedule(dueMs - nowMs, () => this.#tick())
  }

  #remove(instance: SupervisedInstance, reason: string): void {
    instance.isLeaving = true
    const removal = instance.takeDown(reason).finally(() => {
      this.#instances.delete(instance.id)
      this.#tick()
    })
    this.#track(removal)
  }

  async #restart(instance: SupervisedInstance, decision: string): Promise<void> {
    const isFirstStart = instance.phase.kind === 'starting' && !this.#rollout.isDone
    const reason = instance.reason === undefined ? decision : `${decision}: ${instance.reason}`
    const exited = instance.running?.exited
    await instance.takeDown(reason)
    // It has ended by now, so this does not wait; what it printed is often the only explanation.
    const lastLines = (await exited)?.lastLines ?? []
    if (isFirstStart) this.#rollout.fail(instance.revision, notReady(instance.id, { reason, lastLines }))
    instance.fail({ reason, lastLines, cause: undefined })
  }

  async #drain(id: string): Promise<void> {
    const drainMs = this.#options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS_DEFAULT
    const endMs = this.#clock.nowMs() + drainMs
    // Not when the decision is over: until then the balancer would seem to have the list without it.
    this.#publish()
    const leave = async (): Promise<boolean> => {
      if ((await this.#publisher?.settled(drainMs)) !== true) return false
      return this.#options.balancer.drained(this.#name, id, Math.max(0, endMs - this.#clock.nowMs()))
    }
    const left = Promise.race([leave(), this.#stopLimit.drainingOver.then(() => false)])
    const isDrained = await withTimeout(this.#clock, drainMs, 'requests to end', left).catch(() => false)
    if (!isDrained) this.#notice('warning', `${id} was stopped with requests in flight: they took too long to end`)
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
    const ready = [...this.#instances.values()].filter(isReady).length
    if (trial !== undefined && ready >= Math.min(trial.count, this.#desired)) this.#rollout.arriveTrial()
    else if (trial === undefined && !isDone && ready >= this.#desired) this.#rollout.arrive()
  }

  #publish(): void {
    if (this.#isHoldingBack && this.#state === 'running' && !this.#rollout.isDone) return
    this.#isHoldingBack = false
    const ids = this.#state === 'running' ? balanced([...this.#instances.values()], this.#desired, this.#policy()) : []
    const endpoints = publishedEndpoints(
      ids.map((id) => this.#instances.get(id)!),
      this.#rollout.trial,
    )
    const text = JSON.stringify(endpoints)
    if (text === this.#published) return
    this.#published = text
    this.#publisher?.publish(endpoints)
  }

  #track(work: Promise<void>): void {
    const tracked = work.catch((error: unknown) => this.#notice('error', `${this.#name}: ${messageOf(error)}`))
    this.#work.add(tracked)
    void tracked.finally(() => this.#work.delete(tracked))
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
