import type { Catalog } from '../../backups/catalog.ts'
import type { BackupRepository } from '../../backups/repository.ts'
import type { RestoredData } from '../../backups/restore.ts'
import { restore } from '../../backups/restore.ts'
import { openRestoreSite } from '../../backups/restore-site.ts'
import type { RestoreTarget } from '../../backups/restore-target.ts'
import type { RestorePasswords } from '../../backups/swap-data.ts'
import { describeProgress } from '../../backups/work-progress.ts'
import { findPostgresBinaries } from '../../clusters/postgres-binaries.ts'
import type { Clock } from '../../core/clock.ts'
import { formatDuration } from '../../core/duration.ts'
import { formatSize } from '../../core/size.ts'
import type { Terminal } from '../terminal.ts'
import type { RestorePlace } from './restore-place.ts'

/** @see runRestore */
export interface RunRestoreOptions {
  readonly place: RestorePlace
  readonly repository: BackupRepository
  readonly catalog: Catalog
  readonly target: RestoreTarget
  readonly timeline: number | undefined
  readonly passwords: RestorePasswords | undefined
  readonly isThorough: boolean
  /** Told the data while a server runs on it. */
  readonly inspect?: ((url: string) => Promise<void>) | undefined
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly clock: Clock
}

const TIMEOUT_MS = 24 * 3_600_000

/** Restores beside the data, shows how far it is, and gives the result to `use`; then what is left of it is removed. */
export async function runRestore<Result>(
  options: RunRestoreOptions,
  use: (restored: RestoredData) => Promise<Result>,
): Promise<Result> {
  const { place, terminal, clock, catalog } = options
  const binaries = await findPostgresBinaries({ user: place.user })
  const site = await openRestoreSite(place.clusterDirectory, { user: place.user, clock })
  try {
    const restored = await restore({
      ...options,
      lineage: catalog.lineage,
      directory: site.directory,
      subprocesses: site.subprocesses,
      socketDirectory: place.socketDirectory,
      user: place.user,
      binaries,
      timeoutMs: TIMEOUT_MS,
      onProgress: (progress) => terminal.progress(describeProgress(progress)),
    })
    terminal.progress('')
    return await use(restored)
  } finally {
    await site.close()
  }
}

/** What became of a restore, for programs. */
export interface RestoreReport {
  readonly database: string
  readonly backup: string
  readonly timeline: number
  readonly lastCommit: string | undefined
  readonly isEndOfLog: boolean
  readonly tables: number
  readonly indexes: number
  readonly sizeBytes: number
  readonly copyMs: number
  readonly copyMBps: number
  readonly replayedBytes: number
  readonly replayMs: number
  readonly replayMBps: number
  readonly rtoMs: number
}

/** The figures of a restore. Rates are of 10⁶ bytes. */
export function reportOf(database: string, restored: RestoredData): RestoreReport {
  const { backup, timeline, isEndOfLog, checked, replay, copyMs, totalMs } = restored
  return {
    database,
    backup: backup.name,
    timeline,
    lastCommit: replay.lastCommit,
    isEndOfLog,
    ...checked,
    sizeBytes: backup.sizeBytes,
    copyMs: Math.round(copyMs),
    copyMBps: rate(backup.sizeBytes, copyMs),
    replayedBytes: replay.bytes,
    replayMs: replay.elapsedMs,
    replayMBps: rate(replay.bytes, replay.elapsedMs),
    rtoMs: Math.round(totalMs),
  }
}

/** The same for people. */
export function reportView(report: RestoreReport): string {
  const { backup, sizeBytes, copyMs, copyMBps, replayedBytes, replayMs, replayMBps, tables, indexes, rtoMs } = report
  return [
    `  backup    ${backup}, ${formatSize(sizeBytes)} copied in ${formatDuration(copyMs)} (${copyMBps} MB/s)`,
    `  replayed  ${formatSize(replayedBytes)} of the log in ${formatDuration(replayMs)} (${replayMBps} MB/s)`,
    `  last commit  ${report.lastCommit ?? 'none after the backup'}`,
    `  checked   ${tables} tables, ${indexes} indexes: sound`,
    `  took      ${formatDuration(rtoMs)}`,
  ].join('\n')
}

function rate(bytes: number, milliseconds: number): number {
  return milliseconds === 0 ? 0 : Number((bytes / 1_000 / milliseconds).toPrecision(3))
}
