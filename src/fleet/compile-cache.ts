import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChildUser } from '../core/child-user.ts'
import { ensureOwnedDirectory } from '../core/owned-directory.ts'

/** A module takes one file; an old release leaves its own behind. */
const FILES_MAX = 10_000

/**
 * The directory where instances keep what Node has compiled, so that the next ones start in a fraction of the time. It
 * begins anew when it has grown too large.
 *
 * @param dataRoot below which the children's account can pass
 * @throws TF_DIRECTORY_UNUSABLE
 */
export async function compileCacheDirectory(dataRoot: string, user: ChildUser | undefined): Promise<string> {
  const directory = join(dataRoot, 'compile-cache')
  const files = await readdir(directory, { recursive: true }).catch(() => [])
  if (files.length > FILES_MAX) await rm(directory, { recursive: true, force: true })
  await ensureOwnedDirectory(directory, { mode: 0o700, owner: user })
  return directory
}
