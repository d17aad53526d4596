import { chmod, chown, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { TenfoldError } from './errors.ts'

/** Whose directory it is. */
export interface OwnedDirectoryOptions {
  /** Permissions of the directory, whatever the umask. @default 0o700 */
  mode?: number
  /** Who gets it; needs root. @default the one who makes it */
  owner?: { readonly uid: number; readonly gid: number } | undefined
  /** Permissions of the directories above it that have to be made as well. @default 0o755 */
  parentMode?: number
}

/**
 * Makes a directory, and those above it, or corrects the owner and permissions of one that is there. What it holds
 * stays as it is.
 *
 * @throws TF_DIRECTORY_UNUSABLE when something else has the name, or we may not make it
 * @example await ensureOwnedDirectory('/var/lib/tenfold/a1b2/orders', { owner: findChildUser() })
 */
export async function ensureOwnedDirectory(path: string, options: OwnedDirectoryOptions = {}): Promise<void> {
  const { mode = 0o700, owner, parentMode = 0o755 } = options
  try {
    await makeMissing(dirname(path), parentMode)
    await makeMissing(path, mode)
    if (!(await stat(path)).isDirectory()) throw new Error('a file has this name')
    await chmod(path, mode)
    if (owner !== undefined) await chown(path, owner.uid, owner.gid)
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause)
    throw new TenfoldError('TF_DIRECTORY_UNUSABLE', `expected ${path} to be a directory of ours, got: ${got}`, {
      hint: `remove what is in the way, or give us the right to write ${dirname(path)}`,
      details: { path },
      cause,
    })
  }
}

/** Like `mkdir -p`, but with permissions that no umask narrows: a child's user has to get through. */
async function makeMissing(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    await makeMissing(dirname(path), mode)
    return makeMissing(path, mode)
  }
  await chmod(path, mode)
}
