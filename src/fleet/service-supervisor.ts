import type { ResolvedService } from '../blueprint/resolved-blueprint.ts'
import type { Notice, ServiceStatus } from '../control/snapshot.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import { systemClock, withTimeout } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { STOP_DEADLINE_MS_DEFAULT } from '../core/component.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { freshSeed, seededRandom } from '../core/random.ts'
import type { Balancer } from './balancer-port.ts'
import type { EndpointPublisher } from './endpoint-publisher.ts'
import { createEndpointPublisher } from './endpoint-publisher.ts'
import type { InstanceHost } from './instance-host.ts'
import type { ReconcilePolicy } from './reconcile.ts'
import { balanced, nextDueMs, reconcile } from './reconcile.ts'
import type { Release } from './release.ts'
import type { InstanceContext, InstanceFailure } from './supervised-instance.ts'
import { SupervisedInstance } from './supervised-instance.ts'

/** Keeps the wanted number of instances of one service running, ready, and known to the balancer. */
export interface ServiceSupervisor extends Component {
  /**
   * Resolves when all desired instances are ready.
   *
   * @throws TF_SERVICE_NOT_READY with what the program printed last; what the host threw; TF_ABORTED
   */
  start(signal?: AbortSignal): Promise<void>
  /** Changes how many instances are wanted; the set follows. @throws TF_USAGE unless 0 to 1,000 */
  scale(desired: number): void
  /** The present state, as in the snapshot. */
  status(): ServiceStatus
}

/** What a supervisor works with. */
export interface ServiceSupervisorOptions {
  readonly service: ResolvedService
  readonly release: Release
  readonly host: InstanceHost
  readonly balancer: Balancer
  /** Gets the status after each change. */
  readonly onStatus?: (status: ServiceStatus) => void
  /** Gets what a person should know: a crash loop, limits that are not enforced. */
  readonly onNotice?: (notice: Notice) => void
  /** How many at first. @default the service's `instances.desired` */
  readonly desired?: number
  /** How long requests in flight may take to end when an instance leaves. @default 30,000 */
  readonly drainTimeoutMs?: number
  /** Between two health checks of a ready instance. @default 1,000 */
  readonly probeIntervalMs?: number
  readonly clock?: Clock
  readonly random?: Random
}

const DRAIN_TIMEOUT_MS_DEFAULT = 30_000
const DESIRED_MAX = 1_000
/** So many failures in a row of one instance end `start`: a program that can't run is better said at once. */
const FIRST_ATTEMPTS = 3

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
  readonly #policy: ReconcilePolicy
  readonly #context: InstanceContext
  readonly #instances = new Map<string, SupervisedInstance>()
  readonly #work = new Set<Promise<void>>()
  #state: 'idle' | 'running' | 'stopping' = 'idle'
  #desired: number
  #firstReady = Promise.withResolvers<void>()
  #isFirstReady = false
  #stops = 0
  #stopped: Promise<void> = Promise.resolve()
  /** While stopping: when it must be over. */
  #stopByMs = Infinity
  #noMoreDraining = Promise.withResolvers<void>()
  #cancelDraining: Cancel = () => undefined
  #cancelWake: Cancel = () => undefined
  #publisher: EndpointPublisher | undefined
  #isDeciding = false
  #isDue = false
  #published = '[]'
  #reported = ''

  constructor(options: ServiceSupervisorOptions) {
    const { service } = options
    this.#options = options
    this.#name = service.name
    this.#clock = options.clock ?? systemClock
    this.#desired = options.desired ?? service.instances.desired
    this.#policy = {
      surge: 1,
      startTimeoutMs: service.startTimeoutMs,
      unhealthyAfterProbes: 3,
      restartAfterProbes: 10,
    }
    this.#context = {
      service,
      release: options.release,
      host: options.host,
      clock: this.#clock,
      random: options.random ?? seededRandom(freshSeed()),
      probeIntervalMs: options.probeIntervalMs ?? 1_000,
      changed: () => this.#tick(),
      failed: (instance, failure) => this.#failed(instance, failure),
      warn: (message) => this.#notice('warning', message),
      drain: (id) => this.#drain(id),
      stopTimeoutMs: () => Math.min(service.stopTimeoutMs, this.#remainingMs()),
    }
  }

  async start(signal?: AbortSignal): Promise<void> {
    const stops = this.#stops
    if (this.#state === 'stopping') await this.#stopped
    if (signal?.aborted === true || stops !== this.#stops) throw aborted(this.#name, signal?.reason)
    if (this.#state === 'idle') this.#begin()
    const firstReady = this.#firstReady
    const onAbort = (): void => firstReady.reject(aborted(this.#name, signal?.reason))
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await firstReady.promise
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
      this.#firstReady.reject(aborted(this.#name, undefined))
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

  status(): ServiceStatus {
    return {
      name: this.#name,
      desired: this.#desired,
      release: this.#options.release.id,
      instances: [...this.#instances.values()]
        .toSorted((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }))
        .map((instance) => instance.status()),
    }
  }

  #begin(): void {
    this.#state = 'running'
    this.#isFirstReady = false
    this.#firstReady = Promise.withResolvers()
    this.#firstReady.promise.catch(() => undefined)
    this.#noMoreDraining = Promise.withResolvers()
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
    this.#cancelDraining()
    await this.#publisher?.close()
    this.#stopByMs = Infinity
    this.#state = 'idle'
    this.#report()
  }

  /** Bounds a stop; a shorter deadline hastens one that is under way. */
  #endWithin(deadlineMs: number): void {
    const stopByMs = this.#clock.nowMs() + deadlineMs
    if (stopByMs >= this.#stopByMs) return
    this.#stopByMs = stopByMs
    this.#cancelDraining()
    // Half of the time is for the requests in flight, the rest for the programs.
    this.#cancelDraining = this.#clock.schedule(deadlineMs / 2, () => this.#noMoreDraining.resolve())
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
    const observed = [...this.#instances.values()]
    for (const { kind, id, reason } of reconcile(this.#name, observed, this.#desired, nowMs, this.#policy)) {
      const instance = this.#instances.get(id) ?? new SupervisedInstance(id, this.#context)
      this.#instances.set(id, instance)
      if (kind === 'start') this.#track(instance.run(reason))
      else if (kind === 'remove') this.#remove(instance, reason)
      else this.#track(this.#restart(instance, reason))
    }
    this.#checkFirstReady()
    this.#wakeWhenDue(nowMs)
  }

  #wakeWhenDue(nowMs: number): void {
    this.#cancelWake()
    const dueMs = nextDueMs([...this.#instances.values()], this.#policy)
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
    const isFirstStart = instance.phase.kind === 'starting' && !this.#isFirstReady
    const reason = instance.reason === undefined ? decision : `${decision}: ${instance.reason}`
    await instance.takeDown(reason)
    if (isFirstStart) this.#firstReady.reject(notReady(instance.id, { reason, lastLines: [] }))
    instance.fail({ reason, lastLines: [], cause: undefined })
  }

  async #drain(id: string): Promise<void> {
    const drainMs = this.#options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS_DEFAULT
    const endMs = this.#clock.nowMs() + drainMs
    const leave = async (): Promise<boolean> => {
      if ((await this.#publisher?.settled(drainMs)) !== true) return false
      return this.#options.balancer.drained(this.#name, id, Math.max(0, endMs - this.#clock.nowMs()))
    }
    const left = Promise.race([leave(), this.#noMoreDraining.promise.then(() => false)])
    const isDrained = await withTimeout(this.#clock, drainMs, 'requests to end', left).catch(() => false)
    if (!isDrained) this.#notice('warning', `${id} was stopped with requests in flight: they took too long to end`)
  }

  #failed(instance: SupervisedInstance, failure: InstanceFailure & { isNewCrashLoop: boolean }): void {
    if (failure.isNewCrashLoop) {
      const hint = `read what it printed: tenfold logs ${this.#name}`
      this.#notice('error', `${instance.id} fails again and again: ${failure.reason}`, hint)
    }
    if (!this.#isFirstReady) {
      if (failure.cause !== undefined) this.#firstReady.reject(failure.cause)
      else if (instance.history.inARow >= FIRST_ATTEMPTS) this.#firstReady.reject(notReady(instance.id, failure))
    }
    this.#tick()
  }

  #checkFirstReady(): void {
    const isReady = ({ phase, isLeaving }: SupervisedInstance): boolean => phase.kind === 'ready' && !isLeaving
    if (this.#isFirstReady || [...this.#instances.values()].filter(isReady).length < this.#desired) return
    this.#isFirstReady = true
    this.#firstReady.resolve()
  }

  #publish(): void {
    const ids = this.#state === 'running' ? balanced([...this.#instances.values()], this.#desired, this.#policy) : []
    const endpoints = ids.flatMap((id) => {
      const running = this.#instances.get(id)?.running
      return running === undefined ? [] : [{ id, host: running.host, port: running.port }]
    })
    const text = JSON.stringify(endpoints)
    if (text === this.#published) return
    this.#published = text
    this.#publisher?.publish(endpoints)
  }

  #remainingMs(): number {
    return Math.max(0, this.#stopByMs - this.#clock.nowMs())
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

function notReady(id: string, { reason, lastLines }: Pick<InstanceFailure, 'reason' | 'lastLines'>): TenfoldError {
  const output = lastLines.map((line) => `\n    ${line}`).join('')
  return new TenfoldError('TF_SERVICE_NOT_READY', `expected ${id} to become ready, but it ${reason}${output}`, {
    hint: 'fix what its output says; if it only needs longer to start, raise the start timeout of the service',
    details: { instance: id, reason, lastLines },
  })
}

function aborted(service: string, cause: unknown): TenfoldError {
  return new TenfoldError('TF_ABORTED', `expected ${service} to start, but it was stopped`, { cause })
}
