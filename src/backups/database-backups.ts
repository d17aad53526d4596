import type { ResolvedBackup } from '../blueprint/resolved-backup.ts'
import type { BackupStatus } from '../control/backup-status.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { TenfoldError, messageOf } from '../core/errors.ts'
import type { Session } from '../sql/session.ts'
import { openSession } from '../sql/session.ts'
import { applyRetention } from './apply-retention.ts'
import type { ArchiveLag } from './archive-lag.ts'
import { lagMs, NO_LAG, withArchived, withReading } from './archive-lag.ts'
import type { Archiver } from './archiver.ts'
import { createArchiver } from './archiver.ts'
import { backupDue } from './backup-due.ts'
import { reportBackups } from './backup-report.ts'
import type { NamedPoint } from './catalog.ts'
import { readCatalog } from './catalog.ts'
import type { Lineage } from './lineage.ts'
import { keysOf } from './lineage.ts'
import type { BackupManifest } from './manifest.ts'
import { markPoint, requirePointName } from './mark-point.ts'
import type { BackupRepository } from './repository.ts'
import { takeBackup } from './take-backup.ts'
import { parsePosition } from '../sql/log-position.ts'
import { parseSegmentName, SEGMENT_BYTES, segmentName, segmentOf } from './wal-names.ts'

/** The backups of one database that runs: its archive, and base backups when they are due or asked for. */
export interface DatabaseBackups extends Component {
  /** Takes a base backup, or waits for the one that is being taken. Throws as `takeBackup`. */
  take(): Promise<BackupManifest>
  /**
   * Names the state of now, to come back to.
   *
   * @throws TF_USAGE for a name that is taken, or that would be read as something else
   */
  mark(name: string): Promise<NamedPoint>
  /** Resolves when the archive has everything that was committed before the call. @throws TF_TIMEOUT */
  flush(timeoutMs: number): Promise<void>
}

/** @see createDatabaseBackups */
export interface DatabaseBackupsOptions {
  readonly settings: ResolvedBackup
  readonly repository: BackupRepository
  /** Known once the cluster has data. */
  readonly lineage: () => Promise<Lineage>
  readonly spool: string
  /** Of the primary, as it is now. */
  readonly dataDirectory: () => string
  /** Likewise, as superuser. */
  readonly url: () => string
  readonly postgresVersion: string
  readonly tenfoldVersion: string
  readonly clock: Clock
  /** How much of the log may wait for the archive. @default as of `SpoolGuardOptions` */
  readonly spoolMaxBytes?: number | undefined
  /** Called at each change; must not throw. */
  readonly onStatus: (status: BackupStatus) => void
  /** What a person should do something about; undefined: it is well again. */
  readonly onProblem: (problem: string | undefined) => void
  /** Called after each look with how far the archive is behind. */
  readonly onLag?: (lagMs: number) => void
}

const LOOK_MS = 1_000
const FLUSH_AT_END_MS = 3_000

/** Archives the log of a cluster that was started with `archiveEvery`, and takes backups. */
export function createDatabaseBackups(options: DatabaseBackupsOptions): DatabaseBackups {
  return new RunningBackups(options)
}

/** What is there while it runs. */
interface Life {
  readonly lineage: Lineage
  readonly archiver: Archiver
  readonly abort: AbortController
}

class RunningBackups implements DatabaseBackups {
  readonly #options: DatabaseBackupsOptions
  readonly #clock: Clock
  #life: Life | undefined
  #session: Session | undefined
  #lag: ArchiveLag = NO_LAG
  #last: BackupManifest | undefined
  #timeline = 0
  #timelineSinceEpochMs = 0
  #isCatalogRead = false
  #failure: { readonly epochMs: number; readonly reason: string } | undefined
  #taking: Promise<BackupManifest> | undefined
  #progress: BackupStatus['taking']
  #archiverProblem: string | undefined
  #problem: string | undefined
  #said = ''
  #cancel: Cancel | undefined
  #look: Promise<void> | undefined

  constructor(options: DatabaseBackupsOptions) {
    this.#options = options
    this.#clock = options.clock
  }

  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const { spool, repository } = this.#options
    const lineage = await this.#options.lineage()
    const archiver = createArchiver({
      spool,
      repository,
      keys: keysOf(lineage),
      clock: this.#clock,
      spoolMaxBytes: this.#options.spoolMaxBytes,
      onChange: () => this.#archiverChanged(),
      onArchived: (name) => this.#archived(name),
    })
    this.#life = { lineage, archiver, abort: new AbortController() }
    await archiver.start()
    this.#next()
  }

  async stop(deadlineMs = FLUSH_AT_END_MS): Promise<void> {
    const life = this.#life
    if (life === undefined) return
    this.#life = undefined
    this.#cancel?.()
    // So that nothing is missing in the archive while the system is down; if it can't be, the spool keeps it.
    if (deadlineMs > 0) await this.#flush(life, Math.min(FLUSH_AT_END_MS, deadlineMs / 2)).catch(() => undefined)
    life.abort.abort()
    const archiver = life.archiver.stop()
    // A store that does not answer would hold us up for minutes.
    this.#options.repository.interrupt?.()
    await this.#taking?.catch(() => undefined)
    await this.#look
    await archiver
    await this.#session?.close()
    this.#session = undefined
  }

  take(): Promise<BackupManifest> {
    this.#taking ??= this.#take(this.#running()).finally(() => {
      this.#taking = undefined
      this.#progress = undefined
      this.#say()
    })
    return this.#taking
  }

  async mark(name: string): Promise<NamedPoint> {
    const { lineage } = this.#running()
    requirePointName(name)
    const { repository } = this.#options
    return markPoint(name, { session: await this.#connected(), repository, lineage, clock: this.#clock })
  }

  flush(timeoutMs: number): Promise<void> {
    return this.#flush(this.#running(), timeoutMs)
  }

  #running(): Life {
    if (this.#life !== undefined) return this.#life
    throw new TenfoldError('TF_NOT_RUNNING', 'expected the database to run, but its backups are not started', {
      hint: 'wait until "tenfold status" says ready, then repeat it',
    })
  }

  async #take(life: Life): Promise<BackupManifest> {
    const { settings, repository } = this.#options
    try {
      const manifest = await takeBackup({
        lineage: life.lineage,
        url: this.#options.url(),
        dataDirectory: this.#options.dataDirectory(),
        repository,
        postgresVersion: this.#options.postgresVersion,
        tenfoldVersion: this.#options.tenfoldVersion,
        clock: this.#clock,
        untilArchived: (last, signal, first) => life.archiver.untilArchived(last, signal, first),
        onProgress: (progress) => {
          this.#progress = progress
        },
        signal: life.abort.signal,
      })
      this.#last = manifest
      this.#failure = undefined
      await life.archiver.madeGood(segmentName(segmentOf(manifest.timeline, parsePosition(manifest.startLsn))))
      await applyRetention({ repository, lineage: life.lineage, keep: settings.keep, clock: this.#clock })
      return manifest
    } catch (error) {
      if (!life.abort.signal.aborted) this.#failure = { epochMs: this.#clock.epochMs(), reason: messageOf(error) }
      throw error
    }
  }

  async #flush(life: Life, timeoutMs: number): Promise<void> {
    const session = await this.#connected()
    // A transaction of its own, so that a restore to this moment finds one that is later.
    await session.query('select pg_current_xact_id()')
    const { rows } = await session.query<{ segment: string }>(
      'select pg_walfile_name(lsn - 1) as segment from pg_switch_wal() as lsn',
    )
    const late = new AbortController()
    const cancel = this.#clock.schedule(timeoutMs, () => late.abort())
    try {
      await life.archiver.untilArchived(rows[0]!.segment, late.signal)
    } catch (cause) {
      const { problem } = life.archiver
      const got = problem === undefined ? '' : `, but ${problem}`
      throw new TenfoldError('TF_TIMEOUT', `expected the archive to have everything within ${timeoutMs} ms${got}`, {
        hint: 'see "tenfold status"',
        cause,
      })
    } finally {
      cancel()
    }
  }

  #next(): void {
    this.#cancel = this.#clock.schedule(LOOK_MS, () => {
      this.#look = this.#lookOnce().finally(() => {
        if (this.#life !== undefined) this.#next()
      })
    })
  }

  /** Never rejects: what can't be asked now is asked again in a second. */
  async #lookOnce(): Promise<void> {
    const life = this.#life
    if (life === undefined) return
    try {
      await this.#readPrimary()
      if (!this.#isCatalogRead) {
        const { backups } = await readCatalog(this.#options.repository, life.lineage)
        this.#last = backups.at(-1)
        this.#isCatalogRead = true
        this.#failure = undefined
      }
      const isDue = this.#dueEpochMs() <= this.#clock.epochMs()
      // Its outcome is in the status.
      if (isDue && this.#taking === undefined) this.take().catch(() => undefined)
    } catch (error) {
      // A server that restarts or a repository that is gone: the archiver, or the state of the database, says so.
      if (!this.#isCatalogRead) this.#failure = { epochMs: this.#clock.epochMs(), reason: messageOf(error) }
      await this.#session?.close()
      this.#session = undefined
    }
    this.#options.onLag?.(lagMs(this.#lag, this.#clock.nowMs()))
    this.#say()
  }

  async #readPrimary(): Promise<void> {
    const session = await this.#connected()
    const { rows } = await session.query<{ lsn: string; next: string; segment: string }>(
      `select lsn::text, pg_snapshot_xmax(pg_current_snapshot())::text as next, pg_walfile_name(lsn) as segment
         from pg_current_wal_insert_lsn() as lsn`,
    )
    const { lsn, next, segment } = rows[0]!
    const timeline = Number.parseInt(segment.slice(0, 8), 16)
    if (timeline !== this.#timeline) this.#timelineSinceEpochMs = this.#clock.epochMs()
    this.#timeline = timeline
    const reading = { atMs: this.#clock.nowMs(), position: parsePosition(lsn), nextTransaction: BigInt(next) }
    this.#lag = withReading(this.#lag, reading)
  }

  async #connected(): Promise<Session> {
    if (this.#session !== undefined && !this.#session.isLost) return this.#session
    this.#session = await openSession({
      url: this.#options.url(),
      applicationName: 'tenfold backups',
      connectTimeoutMs: 5_000,
      statementTimeoutMs: 10_000,
    })
    return this.#session
  }

  #archiverChanged(): void {
    const problem = this.#life?.archiver.problem
    // The repository answers again: what failed meanwhile need not wait for its time, least of all a backup after a hole.
    if (problem === undefined && this.#archiverProblem !== undefined) this.#failure = undefined
    this.#archiverProblem = problem
    this.#say()
  }

  #archived(name: string): void {
    const segment = parseSegmentName(name)
    if (segment !== undefined) this.#lag = withArchived(this.#lag, (segment.number + 1n) * SEGMENT_BYTES)
  }

  #dueEpochMs(): number {
    return backupDue({
      everyMs: this.#options.settings.everyMs,
      last: this.#last,
      hasHole: this.#life?.archiver.dropped !== undefined,
      timeline: this.#timeline,
      timelineSinceEpochMs: this.#timelineSinceEpochMs,
      failedEpochMs: this.#failure?.epochMs,
    }).atEpochMs
  }

  /** Tells what has changed, to the second: a status that changed at each look would be news all the time. */
  #say(): void {
    const { settings, repository, onStatus, onProblem } = this.#options
    const status = reportBackups({
      where: repository.where,
      last: this.#last,
      nextEpochMs: this.#isCatalogRead && this.#life !== undefined ? this.#dueEpochMs() : undefined,
      taking: this.#progress,
      behindMs: lagMs(this.#lag, this.#clock.nowMs()),
      walEveryMs: settings.walEveryMs,
      problem: this.#life?.archiver.problem ?? this.#failure?.reason,
      spool: this.#life?.archiver.spool,
      dropped: this.#life?.archiver.dropped,
    })
    const { problem } = status
    const text = JSON.stringify(status)
    if (text !== this.#said) onStatus(status)
    this.#said = text
    if (problem !== this.#problem) onProblem(problem)
    this.#problem = problem
  }
}
