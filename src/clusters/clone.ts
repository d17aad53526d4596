import { chown, chmod, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { ChildUser } from '../core/child-user.ts'
import { syncDirectory, writeFileDurably } from '../core/durable-file.ts'
import { withBackupMode } from './backup-mode.ts'
import type { ClusterPaths } from './cluster-record.ts'
import type { CopyProgress } from './copy-data-directory.ts'
import { copyDataDirectory } from './copy-data-directory.ts'

/** @see cloneNode */
export interface CloneOptions {
  /** Of the running primary. */
  readonly from: { readonly dataDirectory: string; readonly url: string }
  readonly to: ClusterPaths
  readonly user: ChildUser | undefined
  readonly signal: AbortSignal
  readonly onProgress?: (progress: CopyProgress) => void
}

/**
 * Makes the data directory of a follower: beside its place, durably, and moved there when it is whole; what was there
 * before is there until then. (Its server syncs the copy when it starts.) The log from its beginning has to be kept on the primary, by a slot, from before the call
 * until the follower has it.
 *
 * Throws as `withBackupMode`; nothing has changed then.
 */
export async function cloneNode({ from, to, user, signal, onProgress }: CloneOptions): Promise<void> {
  await removeUnfinishedClones(to)
  const unfinished = await mkdtemp(`${to.data}.new.`)
  try {
    await chmod(unfinished, 0o700)
    if (user !== undefined) await chown(unfinished, user.uid, user.gid)
    const { bounds } = await withBackupMode({ url: from.url, label: basename(to.data), signal }, () =>
      copyDataDirectory({ from: from.dataDirectory, to: unfinished, user, isSynced: false, signal, onProgress }),
    )
    await writeFileDurably(join(unfinished, 'backup_label'), bounds.backupLabel, { owner: user })
    await writeFileDurably(join(unfinished, 'standby.signal'), '', { owner: user })
    signal.throwIfAborted()
    const former = `${to.data}.old.${basename(unfinished).slice(-6)}`
    await rename(to.data, former).catch(ifAbsent)
    await rename(unfinished, to.data)
    await syncDirectory(to.directory)
    await rm(former, { recursive: true, force: true })
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

/** Removes what an interrupted `cloneNode` left. A former directory goes back to its place if nothing has taken it. */
export async function removeUnfinishedClones(paths: ClusterPaths): Promise<void> {
  const name = basename(paths.data)
  const entries = await readdir(paths.directory)
  for (const entry of entries) {
    const path = join(paths.directory, entry)
    const isFormer = entry.startsWith(`${name}.old.`)
    if (isFormer && !entries.includes(name)) await rename(path, paths.data)
    else if (isFormer || entry.startsWith(`${name}.new.`)) await rm(path, { recursive: true, force: true })
  }
}

function ifAbsent(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}
