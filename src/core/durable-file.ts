import { open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { uniqueId } from './random.ts'

/** How to write. */
export interface DurableFileOptions {
  /** Permissions of the file, whatever the umask. @default 0o600 */
  mode?: number
  /**
   * Whether it has to survive a power cut, too. False saves two flushes for what means nothing after a reboot.
   *
   * @default true
   */
  isSynced?: boolean
  /** Owner to give the file to; needs root. @default the one who writes */
  owner?: { readonly uid: number; readonly gid: number } | undefined
}

/**
 * Replaces a file at once: whoever reads it sees the old content or the new, never a part, also after kill -9 or a
 * power cut; when it resolves, the content is on the disk. On failure (a full disk, say) the old content stays.
 *
 * @example await writeFileDurably('/var/lib/x/state.json', JSON.stringify(state), { mode: 0o640 })
 */
export async function writeFileDurably(
  path: string,
  content: string | Uint8Array,
  options: DurableFileOptions = {},
): Promise<void> {
  const temporary = `${path}.${uniqueId()}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(content)
      await file.chmod(options.mode ?? 0o600)
      if (options.owner !== undefined) await file.chown(options.owner.uid, options.owner.gid)
      if (options.isSynced !== false) await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  if (options.isSynced !== false) await syncDirectory(dirname(path))
}

/** Puts the content of a finished file on the disk, so that a rename after it never shows an empty one after a power cut. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** What a kill in the middle of `writeFileDurably` leaves beside these files. Only for whoever alone may write them. */
export async function removeUnfinished(files: readonly string[]): Promise<void> {
  for (const directory of new Set(files.map((file) => dirname(file)))) {
    for (const name of await readdir(directory)) {
      const [, of] = /^(.+)\.[0-9a-f-]{36}\.tmp$/.exec(name) ?? []
      if (of !== undefined && files.includes(join(directory, of))) await rm(join(directory, name), { force: true })
    }
  }
}

/** Makes the names in a directory (creations, renames, removals) survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
