import { chmod, chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { PostgresBinaries } from '../clusters/postgres-binaries.ts'
import { syncDataDirectory } from '../clusters/sync-data-directory.ts'
import type { ChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { writeFileDurably } from '../core/durable-file.ts'
import { forEachBounded } from '../core/for-each-bounded.ts'
import type { Subprocesses } from '../core/subprocess.ts'
import type { Lineage } from './lineage.ts'
import { keysOf } from './lineage.ts'
import type { BackupManifest } from './manifest.ts'
import type { BackupRepository } from './repository.ts'
import { damaged } from './wal-object.ts'
import type { WorkProgress } from './work-progress.ts'
import { progressOf } from './work-progress.ts'

/** @see copyBase */
export interface CopyBaseOptions {
  readonly repository: BackupRepository
  readonly lineage: Lineage
  readonly binaries: PostgresBinaries
  readonly subprocesses: Subprocesses
  /** Who will run a server in the copy. */
  readonly user: ChildUser | undefined
  /** What a program that fails says is there. */
  readonly logFile: string
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly onProgress?: ((progress: WorkProgress) => void) | undefined
}

/** As many as Node has threads for files: more only wait. */
const FILES_AT_A_TIME = 4

/**
 * Copies a backup into a directory that it makes, compares each file with the manifest, and puts all of them on the disk
 * at once, which is much faster than file by file. A server that is started there recovers.
 *
 * @throws TF_BACKUP_DAMAGED naming the first file that is not what was written; TF_DISK_FULL
 */
export async function copyBase(options: CopyBaseOptions, backup: BackupManifest, to: string): Promise<void> {
  const { lineage, user } = options
  await copyFiles(options, backup, to)
  await writeFileDurably(join(to, 'backup_label'), backup.backupLabel, { owner: user, isSynced: false })
  await writeFileDurably(join(to, 'recovery.signal'), '', { owner: user, isSynced: false })
  await syncDataDirectory(to, { ...options, name: `${lineage.database}-restore` })
}

async function copyFiles(options: CopyBaseOptions, backup: BackupManifest, to: string): Promise<void> {
  const { repository, lineage, user, signal, clock } = options
  const base = keysOf(lineage).base(backup.name)
  for (const directory of ['', ...backup.directories]) {
    const path = join(to, directory)
    await mkdir(path)
    await chmod(path, 0o700)
    if (user !== undefined) await chown(path, user.uid, user.gid)
  }
  const report = progressOf('copying', clock, options.onProgress)
  let doneBytes = 0
  const onBytes = (bytes: number): void => report((doneBytes += bytes), backup.sizeBytes)
  await forEachBounded(backup.files, FILES_AT_A_TIME, async ([path, sizeBytes, sha256]) => {
    const key = base.file(path)
    const move = { user, sizeBytes, onBytes, signal, isSynced: false }
    const moved = await repository.readFile(key, join(to, path), move)
    if (moved === undefined) throw damaged(key, 'it is gone')
    if (moved.sizeBytes !== sizeBytes) throw damaged(key, `it has ${moved.sizeBytes} bytes instead of ${sizeBytes}`)
    if (moved.sha256 !== sha256) throw damaged(key, 'the checksum differs')
  })
}
