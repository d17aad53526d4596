import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { assertSocketPath } from '../control/socket-path.ts'
import { writeFileDurably } from '../core/durable-file.ts'
import { parseDuration } from '../core/duration.ts'
import { hasCode } from '../core/errors.ts'
import { findFreePort, isPortFree } from '../core/free-port.ts'
import { parseSize } from '../core/size.ts'
import type { Subprocess } from '../core/subprocess.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import type { ClusterOptions } from './cluster-options.ts'
import type { ClusterPaths } from './cluster-record.ts'
import { clusterPathsOf } from './cluster-record.ts'
import { readControlFile } from './control-file.ts'
import { fence } from './fence.ts'
import { inspectData } from './initialise-data.ts'
import type { NodeRole } from './node-role.ts'
import { writeRole } from './node-role.ts'
import { endOrphanServers } from './orphan-servers.ts'
import type { PostmasterOptions } from './postmaster.ts'
import { adoptPostmaster, startPostmaster, stopPostmaster } from './postmaster.ts'
import type { RecordKeeper } from './record-keeper.ts'
import type { ArchiveSettings } from './server-settings.ts'
import { portOf, withPort } from './record-keeper.ts'

/** One server of a cluster: its directory, its process, its address. It decides nothing. */
export interface ClusterNode {
  readonly id: number
  /** Of its process: that of the cluster for the first node, with a dot and the number for others. */
  readonly name: string
  readonly paths: ClusterPaths
  readonly zone: string | undefined
  /** Port on the loopback interface, once it was started. */
  readonly port: number | undefined
  /** The process that runs; undefined when none does that we know of. */
  readonly server: Subprocess | undefined
  /** What is known of it; `lost` until it was started or fenced. */
  readonly condition: NodeCondition
  readonly logFile: string
  /** Whether there is something in its data directory. */
  hasData(): Promise<boolean>
  /** Whether the next start follows another node. */
  isFollower(): Promise<boolean>
  /** It has been promoted, and takes writes. */
  promoted(): void
  /** Makes the next start follow another node. Never undone but by a promotion: an old primary does not come back as one. */
  becomeFollower(): Promise<void>
  /** Writes what the node is told of others; a server that runs reads it. */
  tell(role: NodeRole): Promise<void>
  /**
   * Adopts the server of an earlier run, or starts one. Resolves when it answers.
   *
   * @param onRecovery called when it has to replay its log first
   */
  start(signal: AbortSignal, onStarting?: (isRecovery: boolean) => void): Promise<Subprocess>
  /** Fast shutdown, then immediate, then kill. */
  stop(deadlineMs: number): Promise<void>
  /** Kills it and sees it dead; who is left after the bound is returned. See `fence`. */
  fence(boundMs: number): Promise<readonly number[]>
  /** From now on its servers run within their CPU limit once they are ready. */
  holdToLimits(): void
  /** Lets the server that runs use the whole machine for so long, whatever its CPU limit. */
  liftLimits(forMs: number): void
  /** As superuser, by the Unix socket. */
  adminUrl(database: string): string
}

/**
 * `dead`: no process of it is seen. `lost`: its postmaster has ended, or nobody has looked yet. `starting`, as a
 * follower or to recover. Else it answers and follows, or takes writes.
 */
export type NodeCondition = 'dead' | 'lost' | 'starting' | 'follower' | 'primary'

const PORT_ATTEMPTS = 3

/** A node of the cluster that has this record. */
export function createNode(id: number, options: ClusterOptions, record: RecordKeeper, clock: Clock): ClusterNode {
  return new EmbeddedNode(id, options, record, clock)
}

/** Zones are given out in order of the numbers. */
export function zoneOf(node: number, zones: readonly string[] | undefined): string | undefined {
  return zones === undefined || zones.length === 0 ? undefined : zones[(node - 1) % zones.length]
}

class EmbeddedNode implements ClusterNode {
  readonly id: number
  readonly name: string
  readonly paths: ClusterPaths
  readonly zone: string | undefined
  readonly #options: ClusterOptions
  readonly #record: RecordKeeper
  readonly #clock: Clock
  readonly logFile: string
  #server: Subprocess | undefined
  #condition: NodeCondition = 'lost'
  #isHeld = false
  #cancelLift: Cancel = () => {}

  constructor(id: number, options: ClusterOptions, record: RecordKeeper, clock: Clock) {
    this.id = id
    this.name = id === 1 ? options.name : `${options.name}.${id}`
    this.paths = clusterPathsOf(options.dataDirectory, id)
    this.zone = zoneOf(id, options.zones)
    this.logFile = id === 1 ? options.logFile : options.logFile.replace(/(\.log)?$/, `-${id}$1`)
    this.#options = options
    this.#record = record
    this.#clock = clock
  }

  get port(): number | undefined {
    return portOf(this.#record.current, this.id)
  }

  get server(): Subprocess | undefined {
    return this.#server
  }

  get condition(): NodeCondition {
    return this.#condition
  }

  promoted(): void {
    this.#condition = 'primary'
  }

  hasData(): Promise<boolean> {
    return exists(this.paths.data)
  }

  isFollower(): Promise<boolean> {
    return exists(this.#signalFile)
  }

  async becomeFollower(): Promise<void> {
    if (!(await this.isFollower())) await writeFileDurably(this.#signalFile, '', { owner: this.#options.user })
  }

  async tell(role: NodeRole): Promise<void> {
    await writeRole(this.paths.data, this.id, role, this.#options.user)
    this.#server?.signal('SIGHUP')
  }

  async start(signal: AbortSignal, onStarting: (isRecovery: boolean) => void = () => {}): Promise<Subprocess> {
    for (let attempt = 1; ; attempt++) {
      const port = await this.#choosePort()
      assertSocketPath(join(this.#options.socketDirectory, `.s.PGSQL.${port}.lock`))
      await this.#record.change((record) => withPort(record, this.id, port))
      try {
        return await this.#startOn(port, signal, onStarting)
      } catch (error) {
        // Somebody took the port after we had looked.
        const isOpen = hasCode(error, 'TF_PORT_TAKEN') && this.#wantedPort() === undefined && attempt < PORT_ATTEMPTS
        if (!isOpen) throw error
      }
    }
  }

  async stop(deadlineMs: number): Promise<void> {
    const server = this.#server
    if (server !== undefined) await stopPostmaster(server, this.#clock, deadlineMs)
  }

  async fence(boundMs: number): Promise<readonly number[]> {
    this.#server?.signal('SIGKILL')
    const left = await fence(this.paths.data, boundMs, this.#clock)
    if (left.length === 0) {
      this.#server = undefined
      this.#condition = 'dead'
    }
    return left
  }

  holdToLimits(): void {
    this.#isHeld = true
    this.#server?.limitCpu(true)
  }

  liftLimits(forMs: number): void {
    const server = this.#server
    server?.limitCpu(false)
    this.#cancelLift()
    const putBack = (): void => void (this.#isHeld && server?.limitCpu(true))
    this.#cancelLift = this.#clock.schedule(forMs, putBack, { unref: true })
  }

  adminUrl(database: string): string {
    const { superuserPassword } = this.#record.current
    const host = encodeURIComponent(this.#options.socketDirectory)
    return `postgres://postgres:${superuserPassword}@localhost:${this.port}/${database}?host=${host}`
  }

  async #startOn(port: number, signal: AbortSignal, onStarting: (isRecovery: boolean) => void): Promise<Subprocess> {
    await inspectData(this.paths, this.#record.current, this.#options.binaries)
    const options = this.#postmasterOptions(port, signal)
    const isFollower = await this.isFollower()
    this.#condition = isFollower ? 'starting' : 'lost'
    let server = await adoptPostmaster(options)
    if (server === undefined) {
      await endOrphanServers(this.paths.data, this.#clock)
      const control = await readControlFile(this.paths.data)
      onStarting(control?.wasShutDown === false)
      server = await startPostmaster(options)
    }
    const started = server
    this.#server = started
    this.#condition = isFollower ? 'follower' : 'primary'
    void this.#afterEnd(started)
    if (this.#isHeld) started.limitCpu(true)
    return started
  }

  async #afterEnd(server: Subprocess): Promise<void> {
    await server.exited
    if (this.#server !== server) return
    this.#cancelLift()
    this.#server = undefined
    this.#condition = 'lost'
  }

  #postmasterOptions(port: number, signal: AbortSignal): PostmasterOptions {
    const { binaries, subprocesses, user, limits } = this.#options
    return {
      name: this.name,
      settings: {
        dataDirectory: this.paths.data,
        port,
        socketDirectory: this.#options.socketDirectory,
        sharedBuffersBytes: parseSize(this.#options.sharedBuffers ?? '32MiB'),
        connectionsMax: this.#options.connectionsMax ?? 100,
        archive: this.#archive(),
      },
      binaries,
      subprocesses,
      user,
      limits,
      logFile: this.logFile,
      clock: this.#clock,
      adminUrl: this.adminUrl('postgres'),
      startTimeoutMs: parseDuration(this.#options.startTimeout ?? '10m'),
      signal,
    }
  }

  #archive(): ArchiveSettings | undefined {
    const { archiveEvery } = this.#options
    if (archiveEvery === undefined) return undefined
    return { spoolDirectory: this.paths.spool, everyMs: parseDuration(archiveEvery) }
  }

  #wantedPort(): number | undefined {
    return this.id === 1 ? this.#options.port : undefined
  }

  async #choosePort(): Promise<number> {
    const wanted = this.#wantedPort()
    if (wanted !== undefined) return wanted
    const last = this.port
    if (last === undefined) return findFreePort()
    // Whoever an earlier run left there is adopted or ended.
    const isOurs = this.#options.subprocesses.leftover(this.name) !== undefined
    return isOurs || (await isPortFree(last)) ? last : findFreePort()
  }

  get #signalFile(): string {
    return join(this.paths.data, 'standby.signal')
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
