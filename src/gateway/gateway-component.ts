import { strict as assert } from 'node:assert'
import type { Clock } from '../core/clock.ts'
import { sleep, withTimeout } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { STOP_DEADLINE_MS_DEFAULT } from '../core/component.ts'
import { messageOf } from '../core/errors.ts'
import { portOf } from '../core/port-of.ts'
import type { ExitStatus, Subprocess, Subprocesses } from '../core/subprocess.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { Span } from '../control/span.ts'
import type { GatewayStatus, Notice, UnwellInstance } from '../control/snapshot.ts'
import type { GatewayClient } from './gateway-client.ts'
import { createGatewayClient } from './gateway-client.ts'
import type { Endpoint, GatewayConfig, GatewayDoor } from './gateway-config.ts'
import type { GatewayState } from './gateway-state.ts'
import type { GatewaySubprocessOptions, GatewayUrls } from './gateway-subprocess.ts'
import {
  describeExit,
  GATEWAY_PROCESS_NAME,
  gatewayOptions,
  gatewaySubprocess,
  startFailed,
} from './gateway-subprocess.ts'
import type { GatewayTable, RoutesAndServices } from './gateway-table.ts'
import { createGatewayTable } from './gateway-table.ts'
import { watchHealth } from './health/watch-health.ts'
import type { CertificateKeeper } from './tls/keep-certificates.ts'
import { createCertificateKeeper } from './tls/keep-certificates.ts'

/** @see createGateway */
export interface GatewayComponentOptions extends GatewaySubprocessOptions, RoutesAndServices {
  readonly subprocesses: Subprocesses
  readonly clock: Clock
  /** Called with each change. */
  readonly onState?: (status: GatewayStatus) => void
  /** Called with what a person should know. */
  readonly onNotice?: (notice: Omit<Notice, 'atEpochMs'>) => void
}

/** The gateway as the control plane holds it. Fits the fleet's port `Balancer`. */
export interface Gateway extends Component {
  /**
   * Replaces the endpoints of a service. When it resolves, nothing new goes to an instance that is not listed. Without a
   * running process (before the start, between a crash and the restart) it resolves at once: the next one begins with it.
   *
   * @throws TF_CONTROL_UNREACHABLE when the process does not answer; call again
   */
  publish(service: string, endpoints: readonly Endpoint[]): Promise<void>
  /**
   * Replaces the routes and the limits of services, while requests go on; endpoints stay. Otherwise as `publish`.
   *
   * @throws TF_CONTROL_UNREACHABLE when the process does not answer; call again
   */
  reconfigure(table: RoutesAndServices): Promise<void>
  /** Doors to databases, by name, that are there now. */
  doors(): Readonly<Record<string, GatewayDoor>>
  /**
   * Replaces all doors. Otherwise as `publish`.
   *
   * @returns what keeps doors shut, by database; they are tried again
   * @throws TF_CONTROL_UNREACHABLE when the process does not answer; call again
   */
  lead(doors: Readonly<Record<string, GatewayDoor>>): Promise<Readonly<Record<string, string>>>
  /**
   * The first half of `stop`: takes no more requests and waits for the last answers. Doors stay open until `stop`, for
   * instances that finish what they have.
   */
  closeEntrances(deadlineMs?: number): Promise<void>
  /** True once nothing is in flight to what has left the list under this id, false if something still is when `deadlineMs` has passed. */
  drained(service: string, id: string, deadlineMs: number): Promise<boolean>
  /** Base URL of the public listener; undefined before the first start. */
  url(): string | undefined
  /** Base URL for calls between services: `${internalUrl()}/recommender`. The same after a restart of the process. */
  internalUrl(): string | undefined
  /** Frames, one a second, across restarts of the process; ends with the signal or with `stop`. */
  frames(signal?: AbortSignal): AsyncGenerator<MetricFrame, void, undefined>
  /** Spans of requests whose trace is kept, likewise. */
  spans(signal?: AbortSignal): AsyncGenerator<readonly Span[], void, undefined>
}

const READY_TIMEOUT_MS = 15_000
const READY_POLL_MS = 20
const RESTART_MS_MIN = 100
const RESTART_MS_MAX = 5_000
/** A process that has lived this long is well: the next crash is a first one again. */
const WELL_AFTER_MS = 30_000
const RESUBSCRIBE_MS = 250
/** For the cut of what has not ended by itself. */
const CUT_MS = 1_000

/**
 * Runs the gateway as a process of its own, restarts it when it crashes, and tells it where the instances are. It
 * outlives the control plane, and a later one that would start the same adopts it; `stop` lets it finish what is under
 * way.
 *
 * `start` throws TF_PORT_TAKEN with the holder if it can be known, TF_PORT_FORBIDDEN, TF_SPAWN_FAILED, TF_TIMEOUT,
 * TF_CERTIFICATE_UNUSABLE.
 */
export function createGateway(options: GatewayComponentOptions): Gateway {
  return new SupervisedGateway(options)
}

class SupervisedGateway implements Gateway {
  readonly #options: GatewayComponentOptions
  readonly #client: GatewayClient
  readonly #table: GatewayTable
  readonly #certificates: CertificateKeeper
  #listening: GatewayUrls | undefined
  /** The process, from the moment it answers until it has ended. */
  #child: Subprocess | undefined
  /** What it had when it was adopted. */
  #adopted: GatewayConfig | undefined
  #life: AbortController | undefined
  #supervision: Promise<void> = Promise.resolve()
  #watch: Promise<unknown> = Promise.resolve()
  #unwell: readonly UnwellInstance[] = []

  constructor(options: GatewayComponentOptions) {
    this.#options = options
    this.#table = createGatewayTable(options)
    this.#client = createGatewayClient(options.adminSocketPath)
    this.#certificates = createCertificateKeeper({
      files: options.certificates ?? [],
      clock: options.clock,
      hand: (certificates) => this.#client.certify(certificates),
      onNotice: (notice) => options.onNotice?.(notice),
    })
  }

  async start(signal?: AbortSignal): Promise<void> {
    assert(this.#life === undefined || this.#life.signal.aborted, 'the gateway has been started already')
    const life = new AbortController()
    this.#life = life
    this.#tell('starting')
    const starting = this.#spawn(AbortSignal.any([life.signal, ...(signal === undefined ? [] : [signal])]))
    this.#supervision = starting.then(
      (child) => this.#supervise(child, life.signal),
      () => undefined,
    )
    const health = watchHealth({
      state: () => this.#client.state(),
      clock: this.#options.clock,
      signal: life.signal,
      onChange: (unwell) => {
        this.#unwell = unwell
        if (this.#child !== undefined) this.#tell('running')
      },
    })
    const keeping = starting.then(
      () => this.#certificates.watch(life.signal),
      () => undefined,
    )
    this.#watch = Promise.all([health, keeping])
    try {
      await starting
    } catch (error) {
      life.abort()
      this.#tell('failed')
      throw error
    }
  }

  async stop(deadlineMs = STOP_DEADLINE_MS_DEFAULT): Promise<void> {
    if (this.#life === undefined) return
    this.#life.abort()
    if (this.#options.subprocesses.isLettingGo) await this.#giveBack()
    await this.#child?.stop(deadlineMs)
    await this.#supervision
    await this.#watch
    this.#unwell = []
    this.#child = undefined
    this.#tell('stopped')
  }

  async publish(service: string, endpoints: readonly Endpoint[]): Promise<void> {
    this.#table.publish(service, endpoints)
    await this.#configure()
  }

  async reconfigure(table: RoutesAndServices): Promise<void> {
    this.#table.replace(table)
    await this.#configure()
  }

  doors(): Readonly<Record<string, GatewayDoor>> {
    return this.#table.config().doors ?? {}
  }

  async lead(doors: Readonly<Record<string, GatewayDoor>>): Promise<Readonly<Record<string, string>>> {
    this.#table.lead(doors)
    return this.#configure()
  }

  async closeEntrances(deadlineMs = STOP_DEADLINE_MS_DEFAULT): Promise<void> {
    // What is let go gets its instances back before those that were started since are stopped.
    if (this.#options.subprocesses.isLettingGo) return this.stop(deadlineMs)
    if (this.#child === undefined) return
    // One that does not answer is of no use to instances either.
    await this.#client.closeEntrances(Math.max(0, deadlineMs - CUT_MS)).catch(() => this.stop(0))
  }

  async drained(service: string, id: string, deadlineMs: number): Promise<boolean> {
    return this.#child === undefined || (await this.#client.drained(service, id, deadlineMs))
  }

  url(): string | undefined {
    return this.#listening?.url
  }

  internalUrl(): string | undefined {
    return this.#listening?.internalUrl
  }

  frames(signal?: AbortSignal): AsyncGenerator<MetricFrame, void, undefined> {
    return this.#follow((ended) => this.#client.frames(ended), signal)
  }

  spans(signal?: AbortSignal): AsyncGenerator<readonly Span[], void, undefined> {
    return this.#follow((ended) => this.#client.spans(ended), signal)
  }

  async *#follow<Item>(
    read: (signal: AbortSignal) => AsyncGenerator<Item, void, undefined>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Item, void, undefined> {
    const life = this.#life?.signal
    const ended = AbortSignal.any([life, signal].filter((each) => each !== undefined))
    while (!ended.aborted) {
      try {
        yield* read(ended)
      } catch {
        // The process is gone, or not there yet: its successor is listened to as soon as there is one.
      }
      await sleep(this.#options.clock, RESUBSCRIBE_MS, ended).catch(() => undefined)
    }
  }

  /** Adopts the process of an earlier run, or starts one, and waits until it listens and holds the configuration. */
  async #spawn(signal: AbortSignal): Promise<Subprocess> {
    const { subprocesses } = this.#options
    const adopted = await this.#adopt(signal)
    if (adopted !== undefined) return adopted
    // One that can't be adopted holds the ports.
    await subprocesses.endLeftovers(GATEWAY_PROCESS_NAME)
    const child = await subprocesses.spawn(
      gatewaySubprocess(this.#options, JSON.stringify(gatewayOptions(this.#options, this.#listening))),
    )
    await this.#takeCharge(child, signal)
    return child
  }

  /** One that is let go serves as it did before it was adopted: what has been started since is stopped. */
  async #giveBack(): Promise<void> {
    if (this.#child?.isAdopted !== true || this.#adopted === undefined) return
    const { version, doors } = this.#table.config()
    const before = { ...this.#adopted, doors: { ...this.#adopted.doors, ...doors }, version: version + 1 }
    await this.#client.configure(before).catch((error: unknown) => {
      this.#notify('warning', `the gateway did not take back what it served before: ${messageOf(error)}`)
    })
  }

  /** The endpoints that it has stay until the services say otherwise, so requests go on meanwhile. */
  async #adopt(signal: AbortSignal): Promise<Subprocess | undefined> {
    const { subprocesses } = this.#options
    const notes = subprocesses.leftover(GATEWAY_PROCESS_NAME)
    const child = notes && (await subprocesses.adopt(gatewaySubprocess(this.#options, String(notes['options']))))
    if (child === undefined) return undefined
    try {
      this.#adopted = await this.#client.config()
      this.#table.adopt(this.#adopted)
      await this.#takeCharge(child, signal)
      return child
    } catch {
      await child.stop(0)
      signal.throwIfAborted()
      return undefined
    }
  }

  async #takeCharge(child: Subprocess, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    try {
      const state = await withTimeout(clock, READY_TIMEOUT_MS, 'the gateway to listen', this.#ready(child, signal))
      if (state.isLeaving === true) throw new Error('expected a gateway that takes requests, got one that is leaving')
      await this.#certificates.enter(state.certificateEndsEpochMs !== undefined)
      this.#table.passVersion(state.configVersion)
      this.#remember(state)
      this.#child = child
      await this.#configure()
    } catch (error) {
      this.#child = undefined
      await child.stop(0)
      throw error
    }
    this.#tell('running')
  }

  async #ready(child: Subprocess, signal: AbortSignal): Promise<GatewayState> {
    let exit: ExitStatus | undefined
    void child.exited.then((status) => (exit = status))
    for (;;) {
      await sleep(this.#options.clock, READY_POLL_MS, signal)
      if (exit !== undefined) {
        const { logFile } = this.#options
        throw startFailed(gatewayOptions(this.#options, this.#listening), logFile, exit)
      }
      const state = await this.#client.state().catch(() => undefined)
      // Whoever else answers there is a gateway that an earlier run left behind.
      if (state?.pid === child.identity.pid) return state
    }
  }

  /** Keeps a process alive until `life` ends. Never rejects. */
  async #supervise(first: Subprocess, life: AbortSignal): Promise<void> {
    const { clock } = this.#options
    let child: Subprocess | undefined = first
    let delayMs = RESTART_MS_MIN
    for (;;) {
      const startedMs = clock.nowMs()
      const exit = await child?.exited
      this.#child = undefined
      if (life.aborted) return
      if (clock.nowMs() - startedMs > WELL_AFTER_MS) delayMs = RESTART_MS_MIN
      if (exit !== undefined) this.#notify('error', `the gateway ended with ${describeExit(exit)} and is started again`)
      this.#tell(exit === undefined ? 'failed' : 'starting')
      const isGoingOn = await sleep(clock, delayMs, life).then(
        () => true,
        () => false,
      )
      if (!isGoingOn) return
      delayMs = Math.min(delayMs * 2, RESTART_MS_MAX)
      child = await this.#spawn(life).catch((error: unknown) => {
        if (!life.aborted) this.#notify('error', messageOf(error))
        return undefined
      })
    }
  }

  /** A process that is not there yet begins with what the table says then. */
  async #configure(): Promise<Readonly<Record<string, string>>> {
    if (this.#child === undefined) return {}
    const { shut } = await this.#client.configure(this.#table.config())
    return shut
  }

  #remember(state: GatewayState): void {
    const { port } = this.#options
    const isFirst = this.#listening === undefined
    this.#listening = { url: state.url, internalUrl: state.internalUrl }
    if (isFirst && port !== 0 && portOf(state.url) !== port) {
      const message = `port ${port} is in use, so the gateway listens on ${state.url}`
      this.#notify('warning', message, 'give a port with --port to insist on it')
    }
  }

  #tell(state: GatewayStatus['state']): void {
    const pid = this.#child?.identity.pid
    this.#options.onState?.({
      state,
      ...(pid === undefined ? {} : { pid }),
      ...this.#listening,
      ...(this.#unwell.length === 0 ? {} : { unwell: this.#unwell }),
    })
  }

  #notify(level: 'warning' | 'error', message: string, hint?: string): void {
    this.#options.onNotice?.({ level, message, ...(hint === undefined ? {} : { hint }) })
  }
}
