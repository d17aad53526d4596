import { STOP_DEADLINE_MS_DEFAULT } from '../core/component.ts'
import type { Clock } from '../core/clock.ts'
import { sleep, systemClock } from '../core/clock.ts'
import { stateError } from '../control/state-error.ts'
import { takeStateLock } from '../control/state-lock.ts'
import { statePathsOf } from '../control/state-paths.ts'
import { TenfoldError, hasCode, messageOf } from '../core/errors.ts'
import { ensureOwnedDirectory } from '../core/owned-directory.ts'
import type { Subprocess } from '../core/subprocess.ts'
import type { ClusterOptions } from './cluster-options.ts'
import type { ClusterOperator } from './cluster-operator.ts'
import { createClusterOperator } from './cluster-operator.ts'
import type { ClusterPaths } from './cluster-record.ts'
import { clusterPathsOf, passwordsOf } from './cluster-record.ts'
import type { Cluster, ClusterAlarm, ClusterState, NodeStatus } from './cluster-state.ts'
import { makeClusterDirectory } from './initialise-data.ts'
import { keepRunning } from './keep-running.ts'
import type { ClusterNode } from './node.ts'
import { nodeStatus, takesReads } from './node-status.ts'
import { openRecord } from './open-record.ts'
import type { RecordKeeper } from './record-keeper.ts'
import { nodesOf, primaryOf, termOf } from './record-keeper.ts'
import { createNode } from './node.ts'
import type { Admission } from './service-roles.ts'
import { serviceRoleOf, setServiceLogins } from './service-roles.ts'
import { setUpCluster } from './set-up-cluster.ts'
import { switchOver } from './switchover.ts'

/** How long a start waits until writes are protected, before it goes on without. */
const PROTECTION_MS_MAX = 30_000
const LOOK_MS = 20
const LAG_STEP_BYTES = 1024 * 1024

/**
 * A PostgreSQL cluster on this machine: made on the first start, recovered after a crash, restarted with growing
 * pauses when its server ends by itself. With followers, one of them takes over instead, if it certainly has everything
 * that was acknowledged. Committed data survives everything but the loss of all directories.
 *
 * `start` rejects with TF_ALREADY_RUNNING (somebody runs this directory), TF_POSTGRES_VERSION,
 * TF_CLUSTER_DATA_INVALID, TF_DIRECTORY_UNUSABLE, TF_DISK_FULL, TF_PORT_TAKEN, TF_CLUSTER_START_FAILED or TF_ABORTED.
 *
 * @example
 * const cluster = createCluster({ name: 'orders', dataDirectory, socketDirectory, binaries, subprocesses, logFile })
 * await cluster.start()
 * cluster.url() // 'postgres://orders:…@127.0.0.1:40123/orders'
 */
export function createCluster(options: ClusterOptions): Cluster {
  if (!/^[a-z_][a-z0-9_-]{0,62}$/.test(options.name) || /^(postgres$|template[01]$|pg_)/.test(options.name)) {
    throw new TenfoldError(
      'TF_OPTION_INVALID',
      `expected the name of a cluster to be lower-case letters, digits, _ or -, got ${JSON.stringify(options.name)}`,
      { hint: 'choose another name; postgres, template0, template1 and pg_… belong to PostgreSQL' },
    )
  }
  return new EmbeddedCluster(options)
}

/** From `start` to the end of everything that it started. */
interface Life {
  readonly abort: AbortController
  readonly started: PromiseWithResolvers<void>
  ended: Promise<void>
  stopDeadlineMs: number
}

class EmbeddedCluster implements Cluster {
  readonly name: string
  readonly #options: ClusterOptions
  readonly #paths: ClusterPaths
  readonly #clock: Clock
  #state: ClusterState = { kind: 'stopped' }
  #record: RecordKeeper | undefined
  #nodes: ReadonlyMap<number, ClusterNode> = new Map()
  #operator: ClusterOperator | undefined
  #life: Life | undefined
  /** What `admit` was told last. */
  #admitted: Readonly<Record<string, Admission>> | undefined
  #isHeld = false
  #said = ''

  constructor(options: ClusterOptions) {
    this.name = options.name
    this.#options = options
    this.#paths = clusterPathsOf(options.dataDirectory)
    this.#clock = options.clock ?? systemClock
  }

  get state(): ClusterState {
    return this.#state
  }

  get version(): string {
    return this.#options.binaries.version
  }

  get port(): number | undefined {
    return this.#primary?.port
  }

  get process(): Subprocess | undefined {
    return this.#primary?.server
  }

  get term(): number {
    return this.#record === undefined ? 1 : termOf(this.#record.current)
  }

  get nodes(): readonly NodeStatus[] {
    if (this.#state.kind === 'stopped' || this.#record === undefined) return []
    const { current } = this.#record
    return [...this.#nodes.values()]
      .map((node) => nodeStatus(node, current, this.#operator))
      .toSorted((a, b) => a.id - b.id)
  }

  get alarm(): ClusterAlarm | undefined {
    return this.#operator?.alarm
  }

  get failovers(): number {
    return this.#operator?.failovers ?? 0
  }

  url(): string {
    return this.#urlAs(this.name, this.#started().record.current.servicePassword)
  }

  adminUrl(): string {
    return this.#started().primary.adminUrl(this.name)
  }

  async admit(services: Readonly<Record<string, Admission>>): Promise<void> {
    const { record } = this.#started()
    this.#admitted = services
    // Before the server knows them: a password that only the server knew would be lost with us.
    await record.change((now) => ({ ...now, servicePasswords: passwordsOf(now, Object.keys(services)) }))
    const logins = Object.entries(services).map(([service, admission]) => {
      return [service, { ...admission, password: record.current.servicePasswords![service]! }] as const
    })
    await setServiceLogins(this.adminUrl(), Object.fromEntries(logins))
  }

  serviceUrl(service: string): string {
    return this.#urlAs(serviceRoleOf(service), this.#passwordOf(service))
  }

  replicaUrls(service: string): readonly string[] {
    const password = this.#passwordOf(service)
    const ports = this.nodes.flatMap((node) => (takesReads(node) ? node.port! : []))
    return ports.map((port) => this.#urlAs(serviceRoleOf(service), password, port))
  }

  async switchover(): Promise<void> {
    const operator = this.#operator
    if (operator === undefined || this.#state.kind !== 'ready') throw noFollower(this.name)
    await switchOver({ name: this.name, operator, nodes: this.#nodes, record: this.#record!, clock: this.#clock })
  }

  holdToLimits(): void {
    this.#isHeld = true
    for (const node of this.#nodes.values()) node.holdToLimits()
  }

  async start(signal?: AbortSignal): Promise<void> {
    if (this.#life !== undefined) {
      throw new TenfoldError('TF_ALREADY_RUNNING', `expected cluster ${this.name} to be stopped, but it was started`, {
        hint: 'stop it first',
      })
    }
    const life: Life = {
      abort: new AbortController(),
      started: Promise.withResolvers(),
      ended: Promise.resolve(),
      stopDeadlineMs: STOP_DEADLINE_MS_DEFAULT,
    }
    this.#life = life
    const forward = (): void => life.abort.abort(signal?.reason)
    signal?.addEventListener('abort', forward, { once: true })
    if (signal?.aborted === true) forward()
    life.ended = this.#live(life)
    try {
      await life.started.promise
    } catch (error) {
      await life.ended
      throw error
    } finally {
      signal?.removeEventListener('abort', forward)
    }
  }

  async stop(deadlineMs: number = STOP_DEADLINE_MS_DEFAULT): Promise<void> {
    const life = this.#life
    if (life === undefined) return
    const isSecond = life.abort.signal.aborted
    life.stopDeadlineMs = Math.min(life.stopDeadlineMs, deadlineMs)
    life.abort.abort()
    if (isSecond) await Promise.all([...this.#nodes.values()].map((node) => node.stop(deadlineMs)))
    await life.ended
  }

  async #live(life: Life): Promise<void> {
    const { signal } = life.abort
    const undo: (() => void)[] = []
    let end: ClusterState = { kind: 'stopped' }
    let running: Promise<void> | undefined
    try {
      signal.throwIfAborted()
      const primary = await this.#bringUp(signal, undo)
      const operator = this.#operator
      running = operator?.run(signal)
      if (operator !== undefined) await this.#untilProtected(operator, signal)
      this.#become({ kind: 'ready' })
      life.started.resolve()
      await (running ?? this.#keepAlone(primary, signal))
    } catch (error) {
      if (!signal.aborted) end = { kind: 'failed', reason: messageOf(error) }
      life.started.reject(signal.aborted ? this.#aborted(error) : this.#explained(error))
    } finally {
      life.abort.abort()
      await running?.catch(() => undefined)
      try {
        await this.#stopServers(life)
      } finally {
        for (const step of undo) step()
        this.#life = undefined
        this.#operator = undefined
        this.#become(end)
      }
    }
  }

  /** The primary first: before it leaves, its followers get all of its log. */
  async #stopServers(life: Life): Promise<void> {
    const nodes = [...this.#nodes.values()].filter(({ server }) => server !== undefined)
    if (nodes.length === 0) return
    this.#become({ kind: 'stopping' })
    const [first, rest] = [this.#primary, nodes.filter((node) => node !== this.#primary)]
    await first?.stop(life.stopDeadlineMs)
    await Promise.all(rest.map((node) => node.stop(life.stopDeadlineMs)))
  }

  async #bringUp(signal: AbortSignal, undo: (() => void)[]): Promise<ClusterNode> {
    const { user, followers = ALONE } = this.#options
    this.#become({ kind: 'starting' })
    await makeClusterDirectory(this.#paths, user)
    if (this.#options.archiveEvery !== undefined) await ensureOwnedDirectory(this.#paths.spool, { owner: user })
    const lock = await takeStateLock(statePathsOf(this.#paths.directory), this.#clock)
    undo.push(() => lock.release())
    signal.throwIfAborted()
    const record = await openRecord(this.#options, signal, () => this.#become({ kind: 'initialising' }))
    this.#record = record
    this.#nodes = new Map(
      nodesOf(record.current, followers.count).map((id) => [id, createNode(id, this.#options, record, this.#clock)]),
    )
    if (this.#isHeld) for (const node of this.#nodes.values()) node.holdToLimits()
    const operator = createClusterOperator({
      name: this.name,
      nodes: this.#nodes,
      record,
      followers,
      user,
      clock: this.#clock,
      linkPort: this.#options.linkPort,
      onState: (state) => this.#become(state),
      onChange: () => this.#sayChange(),
      onPromoted: () => this.#readmit(),
    })
    await operator.bringUp(signal)
    const primary = this.#primary!
    await setUpCluster(primary, this.name, record, followers.count > 0)
    signal.throwIfAborted()
    if (followers.count > 0) this.#operator = operator
    return primary
  }

  async #untilProtected(operator: ClusterOperator, signal: AbortSignal): Promise<void> {
    const { isSynchronous, durability } = this.#options.followers!
    if (!isSynchronous) return
    const deadlineMs = durability === 'required' ? Infinity : this.#clock.nowMs() + PROTECTION_MS_MAX
    while (!operator.isProtected && this.#clock.nowMs() < deadlineMs) await sleep(this.#clock, LOOK_MS, signal)
  }

  async #keepAlone(primary: ClusterNode, signal: AbortSignal): Promise<void> {
    await keepRunning({
      server: primary.server!,
      restart: () =>
        primary.start(signal, (isRecovery) => this.#become({ kind: isRecovery ? 'recovering' : 'starting' })),
      signal,
      clock: this.#clock,
      onState: (state) => this.#become(state),
    })
  }

  /** What was set up without waiting for a standby may be missing on it. */
  async #readmit(): Promise<void> {
    if (this.#admitted !== undefined) await this.admit(this.#admitted)
  }

  get #primary(): ClusterNode | undefined {
    return this.#record === undefined ? undefined : this.#nodes.get(primaryOf(this.#record.current))
  }

  #passwordOf(service: string): string {
    const password = this.#started().record.current.servicePasswords?.[service]
    if (password !== undefined) return password
    throw new TenfoldError('TF_NOT_RUNNING', `expected ${service} to have been given a role in ${this.name}`, {
      hint: `list ${this.name} in the databases of the service`,
    })
  }

  #urlAs(role: string, password: string, port: number | undefined = this.port): string {
    return `postgres://${role}:${password}@127.0.0.1:${port}/${this.name}`
  }

  #started(): { readonly record: RecordKeeper; readonly primary: ClusterNode } {
    const [record, primary] = [this.#record, this.#primary]
    if (record !== undefined && primary?.port !== undefined) return { record, primary }
    throw new TenfoldError('TF_NOT_RUNNING', `expected cluster ${this.name} to have been started`, {
      hint: 'its address is known after start()',
    })
  }

  /** What the operating system refuses (a full disk, a directory of somebody else) gets its next step. */
  #explained(error: unknown): unknown {
    const isOfSystem = error instanceof Error && 'syscall' in error
    return isOfSystem ? stateError(this.#paths.directory, error) : error
  }

  #aborted(cause: unknown): unknown {
    if (hasCode(cause, 'TF_ABORTED')) return cause
    return new TenfoldError('TF_ABORTED', `expected cluster ${this.name} to start, but the start was cancelled`, {
      cause,
    })
  }

  /** Of what changes all the time, only what a person would notice. */
  #sayChange(): void {
    const said = JSON.stringify([
      this.alarm,
      this.nodes.map(({ process, lagBytes = 0, ...node }) => [
        node,
        process?.identity,
        Math.round(lagBytes / LAG_STEP_BYTES),
      ]),
    ])
    if (said === this.#said) return
    this.#said = said
    this.#options.onState?.(this.#state)
  }

  #become(state: ClusterState): void {
    this.#state = state
    this.#options.onState?.(state)
  }
}

const ALONE = { count: 0, isSynchronous: false, durability: 'preferred' } as const

function noFollower(name: string): TenfoldError {
  return new TenfoldError('TF_SWITCHOVER_REFUSED', `expected ${name} to have a follower that can take over, got none`, {
    hint: `give the database a standby, or wait until it is ready`,
  })
}
