import { chmod, chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChildUser } from '../core/child-user.ts'
import { syncDirectory } from '../core/durable-file.ts'
import { forEachBounded } from '../core/for-each-bounded.ts'
import { copyFileDurably } from './copy-file.ts'
import { listDataFiles } from './data-files.ts'

/** @see copyDataDirectory */
export interface CopyDataDirectoryOptions {
  /** Data directory of a server that is stopped or in backup mode. */
  readonly from: string
  /** Made here; must not exist, or be empty. */
  readonly to: string
  /** Who will run a server in the copy; needs root. @default the one who copies */
  readonly user?: ChildUser | undefined
  /**
   * Whether the copy is put on the disk here. A server that is started in a copy of a running one does it itself, before
   * anything else (`SyncDataDirectory`), and much faster than file by file.
   *
   * @default true
   */
  readonly isSynced?: boolean
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** How far a copy is. */
export interface CopyProgress {
  readonly doneBytes: number
  /** As listed at the beginning; a running server's files may grow. */
  readonly totalBytes: number
}

/** As many as Node has threads for files: more only wait. */
const FILES_AT_A_TIME = 4

/**
 * Copies a data directory, without the log and what belongs to the processes of its server, and puts the copy on the
 * disk. To start a server in the copy of a running one, `backup_label` (and a signal file) have to be added.
 *
 * @returns what was copied
 * @example
 * const { bounds } = await withBackupMode({ url, label: 'clone' }, () => copyDataDirectory({ from, to, user }))
 * await writeFileDurably(join(to, 'backup_label'), bounds.backupLabel, { owner: user })
 * await writeFileDurably(join(to, 'standby.signal'), '', { owner: user })
 */
export async function copyDataDirectory(
  options: CopyDataDirectoryOptions,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const { from, to, user, signal, isSynced = true } = options
  const { directories, files } = await listDataFiles(from)
  await mkdir(to, { recursive: true, mode: 0o700 })
  for (const directory of ['', ...directories]) {
    const path = join(to, directory)
    if (directory !== '') await mkdir(path)
    await chmod(path, 0o700)
    if (user !== undefined) await chown(path, user.uid, user.gid)
  }
  const totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  let doneBytes = 0
  let copied = 0
  const onBytes = (bytes: number): void => {
    doneBytes += bytes
    options.onProgress?.({ doneBytes, totalBytes })
  }
  const copy = async ({ path }: { readonly path: string }): Promise<void> => {
    const bytes = await copyFileDurably(join(from, path), join(to, path), { owner: user, isSynced, onBytes, signal })
    if (bytes !== undefined) copied++
  }
  await forEachBounded(files.slice(0, -1), FILES_AT_A_TIME, copy)
  // Of a running server, the control file is the last: what it describes is in the copy then.
  await forEachBounded(files.slice(-1), 1, copy)
  if (!isSynced) return { files: copied, bytes: doneBytes }
  await forEachBounded(['', ...directories], FILES_AT_A_TIME, (directory) => syncDirectory(join(to, directory)))
  return { files: copied, bytes: doneBytes }
}
