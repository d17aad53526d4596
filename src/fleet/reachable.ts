import { lstat, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChildUser } from '../core/child-user.ts'
import { canAccess } from '../core/child-user.ts'

/** Whose permission is asked, and for what, as in `mode`: 4 read, 2 write, 1 execute or enter. */
type Bits = 1 | 4 | 5

/** Whether the permission bits let an account do this. Access control lists are not looked at. */
export function modeAllows(
  user: ChildUser,
  { uid, gid, mode }: { uid: number; gid: number; mode: number },
  bits: Bits,
): boolean {
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0
  return ((mode >> shift) & bits) === bits
}

/**
 * Whether an account can use a directory of packages, or one package. Such a tree is written under one umask, so the
 * first level and the manifests below it stand for the rest; the way to it is tried.
 */
export async function canReachDependencies(user: ChildUser | undefined, directory: string): Promise<boolean> {
  if (user === undefined) return true
  if (!(await canAccess(user, directory, 'execute'))) return false
  if (!modeAllows(user, await stat(directory), 5)) return false
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue
    const path = join(directory, entry.name)
    // A package that is linked in may be anywhere, or nowhere any more.
    const isLink = entry.isSymbolicLink() && (await exists(path))
    if (isLink && !(await canAccess(user, path, 'read'))) return false
    if (!entry.isDirectory()) continue
    if (!modeAllows(user, await stat(path), 5)) return false
    const manifest = await lstat(join(path, 'package.json')).catch(() => undefined)
    if (manifest !== undefined && !modeAllows(user, manifest, 4)) return false
  }
  return true
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
