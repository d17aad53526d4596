import { join } from 'node:path'
import { assertSocketPath } from '../control/socket-path.ts'
import { stateError } from '../control/state-error.ts'
import { takeStateLock } from '../control/state-lock.ts'
import { statePathsOf } from '../control/state-paths.ts'
import type { ChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { STOP_DEADLINE_MS_DEFAULT } from '../core/component.ts'
import type { Duration } from '../core/duration.ts'
import { parseDuration } from '../core/duration.ts'
import { TenfoldError, hasCode, messageOf } from '../core/errors.ts'
import { findFreePort, isPortFree } from '../core/free-port.ts'
import type { ResourceLimits } from '../core/resource-limits.ts'
import type { Size } from '../core/size.ts'
import { ensureOwnedDirectory } from '../core/owned-directory.ts'
import { parseSize } from '../core/size.ts'
import type { Subprocess, Subprocesses } from '../core/subprocess.ts'
import type { ClusterPaths, ClusterRecord } from './cluster-record.ts'
import {
  clusterPathsOf,
  newClusterRecord,
  passwordsOf,
  readClusterRecord,
  writeClusterRecord,
} from './cluster-record.ts'
import { ensureOwnedDatabase } from './cluster-roles.ts'
import type { Cluster, ClusterState } from './cluster-state.ts'
import { readControlFile } from './control-file.ts'
import type { ClusterTemplate } from './initialise-data.ts'
import { initialiseData, inspectData, makeClusterDirectory } from './initialise-data.ts'
import { endOrphanServers } from './orphan-servers.ts'
import { keepRunning } from './keep-running.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import type { PostmasterOptions } from './postmaster.ts'
import type { ArchiveSettings } from './server-settings.ts'
import { adoptPostmaster, startPostmaster, stopPostmaster } from './postmaster.ts'
import { prepareForServices, serviceRoleOf, setServiceLogins } from './service-roles.ts'

/** What a cluster is made of. */
export interface ClusterOptions {
  /** Name of the cluster, its database and the role that owns it: letters, digits, `_`, `-`; at most 63. */
  name: string
  /** The cluster's own directory: data, passwords and lock. Made if need be; `user` must be able to enter it. */
  dataDirectory: string
  binaries: PostgresBinaries
  subprocesses: Subprocesses
  /** Directory for the Unix socket, short (107 bytes with the socket), that only `user` can enter: `childRuntimeDirectory`. */
  socketDirectory: string
  /** File that the server's log is appended to. */
  logFile: string
  /** Account that runs the server; required when we are root. */
  user?: ChildUser | undefined
  limits?: ResourceLimits | undefined
  /** Port on 127.0.0.1; a taken one is an error. @default the port of the last start if it is free, else a free one */
  port?: number | undefined
  /** @default '32MiB' */
  sharedBuffers?: Size
  /** @default 100 */
  connectionsMax?: number
  /** How long one start may take, recovery included. @default '10m' */
  startTimeout?: Duration
  /**
   * Finished parts of the log are put into the spool of the cluster (`clusterPathsOf`), after this time at the latest;
   * who set this has to empty it. @default no archive
   */
  archiveEvery?: Duration | undefined
  /** For tests: copied instead of running initdb. */
  template?: ClusterTemplate | undefined
  /** @default the machine's clock */
  clock?: Clock
  /** Called at each change; must not throw. */
  onState?: (state: ClusterState) => void
}

const PORT_ATTEMPTS = 3

/**
 * A PostgreSQL cluster on this machine: made on the first start, recovered after a crash, restarted with growing
 * pauses when its server ends by itself. Committed data survives everything but the loss of the directory.
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
  #record: ClusterRecord | undefined
  #life: Life | undefined
  #server: Subprocess | undefined
  #isHeld = false

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
    return this.#record?.port
  }

  get process(): Subprocess | undefined {
    return this.#server
  }

  url(): string {
    return this.#urlAs(this.name, this.#startedRecord().servicePassword)
  }

  adminUrl(): string {
    return this.#superuserUrl(this.#startedRecord(), this.name)
  }

  async admit(connections: Readonly<Record<string, number>>): Promise<void> {
    const record = this.#startedRecord()
    const passwords = passwordsOf(record, Object.keys(connections))
    // Before the server knows them: a password that only the server knew would be lost with us.
    await this.#keep({ ...record, servicePasswords: passwords })
    const logins = Object.entries(passwords).map(([service, password]) => {
      return [service, { password, connectionsMax: connections[service]! }] as const
    })
    await setServiceLogins(this.adminUrl(), Object.fromEntries(logins))
  }

  serviceUrl(service: string): string {
    const password = this.#startedRecord().servicePasswords?.[service]
    if (password !== undefined) return this.#urlAs(serviceRoleOf(service), password)
    throw new TenfoldError('TF_NOT_RUNNING', `expected ${service} to have been given a role in ${this.name}`, {
      hint: `list ${this.name} in the databases of the service`,
    })
  }

  holdToLimits(): void {
    this.#isHeld = true
    this.#server?.limitCpu(true)
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
    if (isSecond && this.#server !== undefined) await stopPostmaster(this.#server, this.#clock, deadlineMs)
    await life.ended
  }

  async #live(life: Life): Promise<void> {
    const { signal } = life.abort
    const undo: (() => void)[] = []
    let end: ClusterState = { kind: 'stopped' }
    try {
      signal.throwIfAborted()
      const server = await this.#bringUp(signal, undo)
      this.#become({ kind: 'ready' })
      life.started.resolve()
      await keepRunning({
        server,
        restart: () => this.#startServer(signal),
        signal,
        clock: this.#clock,
        onState: (state) => this.#become(state),
      })
    } catch (error) {
      if (!signal.aborted) end = { kind: 'failed', reason: messageOf(error) }
      life.started.reject(signal.aborted ? this.#aborted(error) : this.#explained(error))
    } finally {
      try {
        await this.#stopServer(life)
      } finally {
        for (const step of undo) step()
        this.#life = undefined
        this.#become(end)
      }
    }
  }

  async #stopServer(life: Life): Promise<void> {
    if (this.#server === undefined) return
    this.#become({ kind: 'stopping' })
    await stopPostmaster(this.#server, this.#clock, life.stopDeadlineMs)
    this.#server = undefined
  }

  async #bringUp(signal: AbortSignal, undo: (() => void)[]): Promise<Subprocess> {
    const { user, binaries, template } = this.#options
    this.#become({ kind: 'starting' })
    await makeClusterDirectory(this.#paths, user)
    if (this.#options.archiveEvery !== undefined) await ensureOwnedDirectory(this.#paths.spool, { owner: user })
    const lock = await takeStateLock(statePathsOf(this.#paths.directory), this.#clock)
    undo.push(() => lock.release())
    signal.throwIfAborted()
    let record = await readClusterRecord(this.#paths)
    if ((await inspectData(this.#paths, record, binaries)) === 'absent') {
      this.#become({ kind: 'initialising' })
      record = newClusterRecord(template?.superuserPassword)
      await writeClusterRecord(this.#paths, record)
      await initialiseData({ ...this.#options, user, template, paths: this.#paths, record, signal })
    }
    if (record === undefined) throw new Error('expected data to have a record')
    const server = await this.#startOnSomePort(record, signal)
    const postgres = this.#superuserUrl(this.#startedRecord(), 'postgres')
    await ensureOwnedDatabase(postgres, this.name, record.servicePassword)
    await prepareForServices(this.adminUrl(), this.name)
    signal.throwIfAborted()
    return server
  }

  async #startOnSomePort(record: ClusterRecord, signal: AbortSignal): Promise<Subprocess> {
    for (let attempt = 1; ; attempt++) {
      const port = await this.#choosePort(record.port)
      assertSocketPath(join(this.#options.socketDirectory, `.s.PGSQL.${port}.lock`))
      await this.#remember(record, port)
      try {
        return await this.#startServer(signal)
      } catch (error) {
        // Somebody took the port after we had looked.
        const isOpen = hasCode(error, 'TF_PORT_TAKEN') && this.#options.port === undefined && attempt < PORT_ATTEMPTS
        if (!isOpen) throw error
      }
    }
  }

  async #startServer(signal: AbortSignal): Promise<Subprocess> {
    const record = this.#startedRecord()
    await inspectData(this.#paths, record, this.#options.binaries)
    const options = this.#postmasterOptions(record, signal)
    this.#server = await adoptPostmaster(options)
    if (this.#server === undefined) {
      await endOrphanServers(this.#paths.data, this.#clock)
      const control = await readControlFile(this.#paths.data)
      this.#become({ kind: control?.wasShutDown === false ? 'recovering' : 'starting' })
      this.#server = await startPostmaster(options)
    }
    if (this.#isHeld) this.#server.limitCpu(true)
    return this.#server
  }

  #postmasterOptions(record: ClusterRecord & { port: number }, signal: AbortSignal): PostmasterOptions {
    return {
      name: this.name,
      settings: {
        dataDirectory: this.#paths.data,
        port: record.port,
        socketDirectory: this.#options.socketDirectory,
        sharedBuffersBytes: parseSize(this.#options.sharedBuffers ?? '32MiB'),
        connectionsMax: this.#options.connectionsMax ?? 100,
        archive: this.#archive(),
      },
      binaries: this.#options.binaries,
      subprocesses: this.#options.subprocesses,
      user: this.#options.user,
      limits: this.#options.limits,
      logFile: this.#options.logFile,
      clock: this.#clock,
      adminUrl: this.#superuserUrl(record, 'postgres'),
      startTimeoutMs: parseDuration(this.#options.startTimeout ?? '10m'),
      signal,
    }
  }

  #archive(): ArchiveSettings | undefined {
    const { archiveEvery } = this.#options
    if (archiveEvery === undefined) return undefined
    return { spoolDirectory: this.#paths.spool, everyMs: parseDuration(archiveEvery) }
  }

  async #choosePort(last: number | undefined): Promise<number> {
    if (this.#options.port !== undefined) return this.#options.port
    if (last === undefined) return findFreePort()
    // Whoever an earlier run left there is adopted or ended.
    const isOurs = this.#options.subprocesses.leftover(this.name) !== undefined
    return isOurs || (await isPortFree(last)) ? last : findFreePort()
  }

  async #remember(record: ClusterRecord, port: number): Promise<void> {
    const systemIdentifier = record.systemIdentifier ?? (await readControlFile(this.#paths.data))?.systemIdentifier
    this.#record = record
    await this.#keep({ ...record, port, systemIdentifier })
  }

  async #keep(next: ClusterRecord): Promise<void> {
    if (JSON.stringify(next) !== JSON.stringify(this.#record)) await writeClusterRecord(this.#paths, next)
    this.#record = next
  }

  #urlAs(role: string, password: string): string {
    return `postgres://${role}:${password}@127.0.0.1:${this.port}/${this.name}`
  }

  #startedRecord(): ClusterRecord & { port: number } {
    const record = this.#record
    if (record?.port === undefined) {
      throw new TenfoldError('TF_NOT_RUNNING', `expected cluster ${this.name} to have been started`, {
        hint: 'its address is known after start()',
      })
    }
    return { ...record, port: record.port }
  }

  #superuserUrl(record: ClusterRecord, database: string): string {
    const host = encodeURIComponent(this.#options.socketDirectory)
    return `postgres://postgres:${record.superuserPassword}@localhost:${record.port}/${database}?host=${host}`
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

  #become(state: ClusterState): void {
    this.#state = state
    this.#options.onState?.(state)
  }
}
