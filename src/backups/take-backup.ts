import { join } from 'node:path'
import { withBackupMode } from '../clusters/backup-mode.ts'
import type { CopyProgress } from '../clusters/copy-data-directory.ts'
import type { DataFile } from '../clusters/data-files.ts'
import { listDataFiles } from '../clusters/data-files.ts'
import type { Clock } from '../core/clock.ts'
import { forEachBounded } from '../core/for-each-bounded.ts'
import type { Lineage } from './lineage.ts'
import { keysOf, MARK, MARK_KEY } from './lineage.ts'
import type { BackupManifest, ManifestFile } from './manifest.ts'
import { backupName, writeManifest } from './manifest.ts'
import type { BackupRepository } from './repository.ts'
import { parsePosition } from '../sql/log-position.ts'
import { segmentBefore, segmentName, segmentOf } from './wal-names.ts'

/** @see takeBackup */
export interface TakeBackupOptions {
  readonly lineage: Lineage
  /** The running server, as superuser. */
  readonly url: string
  readonly dataDirectory: string
  readonly repository: BackupRepository
  readonly postgresVersion: string
  readonly tenfoldVersion: string
  readonly clock: Clock
  /** Resolves when the archive has all from one segment to another: before, the backup is worth nothing. */
  readonly untilArchived: (last: string, signal: AbortSignal | undefined, first: string) => Promise<void>
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** As many as Node has threads for files. */
const FILES_AT_A_TIME = 4

/**
 * Copies the data of a running server into a repository. It counts as a backup only when it is whole, durable, and the
 * archive has the log that it needs; whatever ends it before leaves files without a manifest, which retention removes.
 *
 * @throws what `withBackupMode` and the repository throw; TF_ABORTED
 */
export async function takeBackup(options: TakeBackupOptions): Promise<BackupManifest> {
  const { lineage, repository, clock, signal } = options
  const startedEpochMs = clock.epochMs()
  const name = backupName(startedEpochMs)
  const keys = keysOf(lineage)
  const base = keys.base(name)
  await repository.write(MARK_KEY, Buffer.from(MARK))
  const { bounds, result } = await withBackupMode({ url: options.url, label: `tenfold ${name}`, signal }, () =>
    copyInto(options, base.file),
  )
  await repository.settle()
  const last = segmentName(segmentBefore(bounds.timeline, parsePosition(bounds.stopLsn)))
  const first = segmentName(segmentOf(bounds.timeline, parsePosition(bounds.startLsn)))
  await options.untilArchived(last, signal, first)
  signal?.throwIfAborted()
  const manifest: BackupManifest = {
    layout: 1,
    name,
    ...lineage,
    postgresVersion: options.postgresVersion,
    tenfoldVersion: options.tenfoldVersion,
    startedEpochMs,
    endedEpochMs: clock.epochMs(),
    startLsn: bounds.startLsn,
    stopLsn: bounds.stopLsn,
    timeline: bounds.timeline,
    backupLabel: bounds.backupLabel,
    directories: result.directories,
    files: result.files,
    sizeBytes: result.files.reduce((sum, [, sizeBytes]) => sum + sizeBytes, 0),
  }
  await repository.write(base.manifest, writeManifest(manifest))
  return manifest
}

async function copyInto(
  options: TakeBackupOptions,
  keyOf: (path: string) => string,
): Promise<{ readonly directories: readonly string[]; readonly files: readonly ManifestFile[] }> {
  const { dataDirectory, repository, signal } = options
  const listed = await listDataFiles(dataDirectory)
  const totalBytes = listed.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const files: ManifestFile[] = []
  let doneBytes = 0
  const onBytes = (bytes: number): void => {
    doneBytes += bytes
    options.onProgress?.({ doneBytes, totalBytes })
  }
  const copy = async ({ path, sizeBytes }: DataFile): Promise<void> => {
    const moved = await repository.writeFile(keyOf(path), join(dataDirectory, path), { sizeBytes, onBytes, signal })
    if (moved !== undefined) files.push([path, moved.sizeBytes, moved.sha256])
  }
  // The control file is the last one.
  await forEachBounded(listed.files.slice(0, -1), FILES_AT_A_TIME, copy)
  await forEachBounded(listed.files.slice(-1), 1, copy)
  return { directories: listed.directories, files }
}
