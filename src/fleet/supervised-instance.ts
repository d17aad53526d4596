import type { InstanceState, InstanceStatus } from '../control/snapshot.ts'
import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { InstanceHost, ProbeResult, RunningInstance } from './instance-host.ts'
import type { InstancePhase, ObservedInstance } from './reconcile.ts'
import type { FailureHistory } from './restart-policy.ts'
import { afterFailure, NO_FAILURES } from './restart-policy.ts'
import type { Revision } from './revision.ts'
import { zoneOf } from './zones.ts'

/** What an instance needs from the set that it belongs to. */
export interface InstanceContext {
  readonly revision: Revision
  readonly host: InstanceHost
  readonly clock: Clock
  readonly random: Random
  readonly probeIntervalMs: number
  /** Its phase has changed: time to decide again. */
  changed(): void
  /** It could not be started, ended by itself or never became ready. `cause` is what the host threw. */
  failed(instance: SupervisedInstance, failure: InstanceFailure & { isNewCrashLoop: boolean }): void
  warn(message: string): void
  /** Resolves when the balancer sends it nothing more and nothing is in flight, or there is no more time for that. */
  drain(id: string): Promise<void>
  /** How long a program may take to end after SIGTERM. */
  stopTimeoutMs(): number
}

/** Why an instance has to be started again. */
export interface InstanceFailure {
  readonly reason: string
  readonly lastLines: readonly string[]
  readonly cause: unknown
}

const PROBE_TIMEOUT_MS = 1_000
const PROBE_FIRST_PAUSE_MS = 20
const PROBE_LONGEST_PAUSE_MS = 100
const PORTS_TAKEN_MAX = 5

/**
 * One place in the set of a service's instances, through all the processes that fill it one after the other. It carries
 * out what `reconcile` decides and observes what comes of it.
 */
export class SupervisedInstance implements ObservedInstance {
  readonly id: string
  phase: InstancePhase = { kind: 'waiting', untilMs: 0, isCrashLoop: false }
  isLeaving = false
  isOutdated = false
  history: FailureHistory = NO_FAILURES
  running: RunningInstance | undefined
  readonly #context: InstanceContext
  /** Aborted when the present process is being taken down, or has ended. */
  #watch = new AbortController()
  #starting: Promise<RunningInstance | undefined> = Promise.resolve(undefined)
  #takingDown: Promise<void> | undefined
  #portsTaken = 0
  #restarts = 0
  #reason: string | undefined
  #sinceEpochMs = 0
  #lastFailure: InstanceStatus['lastFailure']

  constructor(id: string, context: InstanceContext) {
    this.id = id
    this.#context = context
  }

  /** What it is made from. */
  get revision(): Revision {
    return this.#context.revision
  }

  /** Starts a process and follows it to its end. Resolves when nothing of it runs. */
  async run(reason: string, givesWay = false): Promise<void> {
    const { host, revision } = this.#context
    const { service, release } = revision
    const watch = new AbortController()
    this.#watch = watch
    this.#enter({ kind: 'starting', sinceMs: this.#context.clock.nowMs() }, this.#reason ?? reason)
    let failure: InstanceFailure | undefined
    this.#starting = host.start({ id: this.id, service, release, givesWay }).catch((cause: unknown) => {
      failure = { reason: messageOf(cause), lastLines: [], cause }
      return undefined
    })
    const running = await this.#starting
    if (running !== undefined) await this.#follow(running, watch)
    else if (!watch.signal.aborted) this.fail(failure as InstanceFailure)
  }

  /** Takes the process away: no new requests, those in flight end, then SIGTERM, then SIGKILL. Safe twice. */
  takeDown(reason: string): Promise<void> {
    this.#takingDown ??= this.#takeDown(reason).finally(() => {
      this.#takingDown = undefined
    })
    return this.#takingDown
  }

  /** Shortens a stop that is under way. */
  async hasten(deadlineMs: number): Promise<void> {
    if (this.phase.kind === 'stopping') await this.running?.stop(deadlineMs)
  }

  /** Counts a failure and lets the place wait before it is filled again. */
  fail(failure: InstanceFailure, readyMs = 0): void {
    if (this.isLeaving) return
    const { clock, random } = this.#context
    const nowMs = clock.nowMs()
    const { history, pauseMs } = afterFailure(this.history, { nowMs, readyMs, random })
    const isNewCrashLoop = history.isCrashLoop && !this.history.isCrashLoop
    this.history = history
    this.#wait(nowMs + pauseMs, failure.reason)
    this.#context.failed(this, { ...failure, isNewCrashLoop })
  }

  /** What was wrong when it was last looked at. */
  get reason(): string | undefined {
    return this.#reason
  }

  status(): InstanceStatus {
    const zone = zoneOf(this.id, this.revision.service.zones ?? [])
    return {
      id: this.id,
      state: this.#state(),
      ...(zone === undefined ? {} : { zone }),
      ...(this.running?.pid === undefined ? {} : { pid: this.running.pid }),
      ...(this.running === undefined ? {} : { port: this.running.port }),
      restarts: this.#restarts,
      sinceEpochMs: this.#sinceEpochMs,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      ...(this.#lastFailure === undefined ? {} : { lastFailure: this.#lastFailure }),
    }
  }

  async #takeDown(reason: string): Promise<void> {
    const isInBalancer = this.phase.kind === 'ready'
    this.#watch.abort()
    if (isInBalancer) {
      this.#enter({ kind: 'draining' }, reason)
      this.#context.changed()
      await this.#context.drain(this.id)
    }
    this.#enter({ kind: 'stopping' }, reason)
    this.#context.changed()
    const running = await this.#starting
    await running?.stop(this.#context.stopTimeoutMs())
    this.running = undefined
  }

  async #follow(running: RunningInstance, watch: AbortController): Promise<void> {
    const { clock, warn, changed } = this.#context
    this.running = running
    // The same for every instance, so that it is said once.
    if (running.limitsNotEnforced !== undefined) warn(`limits are not enforced: ${running.limitsNotEnforced}`)
    const probing = this.#probe(running, watch.signal)
    const exit = await running.exited
    const isTakenDown = watch.signal.aborted
    watch.abort()
    await probing
    if (isTakenDown) return
    const readyMs = this.phase.kind === 'ready' ? clock.nowMs() - this.phase.sinceMs : 0
    this.#enter({ kind: 'stopping' }, exit.reason)
    changed()
    // The program has ended; what it forked may not have.
    await running.stop(0)
    this.running = undefined
    if (this.isLeaving) return
    if (exit.isPortTaken && this.#portsTaken < PORTS_TAKEN_MAX) {
      this.#portsTaken++
      this.#wait(clock.nowMs(), exit.reason)
      changed()
    } else this.fail({ reason: exit.reason, lastLines: exit.lastLines, cause: undefined }, readyMs)
  }

  /** Often until it is ready, then once an interval. */
  async #probe(running: RunningInstance, signal: AbortSignal): Promise<void> {
    const { clock, probeIntervalMs } = this.#context
    let pauseMs = PROBE_FIRST_PAUSE_MS
    while (!signal.aborted) {
      const result = await running.probe(PROBE_TIMEOUT_MS)
      if (signal.aborted) return
      this.#probed(result)
      await sleep(clock, this.phase.kind === 'ready' ? probeIntervalMs : pauseMs, signal).catch(() => undefined)
      pauseMs = Math.min(pauseMs * 1.5, PROBE_LONGEST_PAUSE_MS)
    }
  }

  #probed(result: ProbeResult): void {
    const { phase } = this
    if (phase.kind === 'starting' && result.isReady) {
      this.#portsTaken = 0
      this.#enter({ kind: 'ready', sinceMs: this.#context.clock.nowMs(), failedProbes: 0 }, undefined)
    } else if (phase.kind === 'ready') {
      if (result.isReady && phase.failedProbes === 0) return
      const failedProbes = result.isReady ? 0 : phase.failedProbes + 1
      this.#enter({ ...phase, failedProbes }, result.isReady ? undefined : result.reason)
    } else {
      // Shown only when it takes too long: the first refusals are how every start looks.
      if (!result.isReady) this.#reason = result.reason
      return
    }
    this.#context.changed()
  }

  #wait(untilMs: number, reason: string): void {
    this.#restarts++
    this.#lastFailure = { atEpochMs: this.#context.clock.epochMs(), reason }
    this.#enter({ kind: 'waiting', untilMs, isCrashLoop: this.history.isCrashLoop }, reason)
  }

  #enter(phase: InstancePhase, reason: string | undefined): void {
    if (this.phase.kind !== phase.kind || this.#sinceEpochMs === 0) this.#sinceEpochMs = this.#context.clock.epochMs()
    this.phase = phase
    this.#reason = reason
  }

  #state(): InstanceState {
    if (this.phase.kind !== 'waiting') return this.phase.kind
    return this.phase.isCrashLoop ? 'crash-looping' : 'backing-off'
  }
}
