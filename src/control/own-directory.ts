import { chmod, lstat, mkdir } from 'node:fs/promises'
import { TenfoldError } from '../core/errors.ts'

/** Makes a directory, with missing parents, and sets its mode whatever the umask. An existing one must be ours. */
export async function ownDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode })
  const found = await lstat(path)
  if (!found.isDirectory() || found.uid !== ourUid()) {
    throw new TenfoldError(
      'TF_STATE_UNUSABLE',
      `expected ${path} to be a directory of user ${ourUid()}, got ${found.isDirectory() ? `one of user ${found.uid}` : 'something else'}`,
      { hint: `run tenfold as user ${found.uid}, or move ${path} away to start empty`, details: { path } },
    )
  }
  if ((found.mode & 0o777) !== mode) await chmod(path, mode)
}

/** The user we act as. Windows has none and is not supported. */
export function ourUid(): number {
  return process.geteuid?.() ?? -1
}
