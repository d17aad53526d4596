import { chmod, chown, lstat, mkdir, open, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ChildUser } from '../core/child-user.ts'
import { ensureOwnedDirectory } from '../core/owned-directory.ts'
import type { SourceEntry, SourceTree } from './source-tree.ts'
import { hashSourceTree } from './source-tree.ts'

/**
 * Copies a tree and hashes it in one reading: the address that it returns is that of what was copied, even if somebody
 * saves a file now. `directory` must not exist yet.
 */
export async function copySourceTree(tree: SourceTree, directory: string): Promise<string> {
  await makeDirectories(directory, tree)
  return hashSourceTree(tree, (entry) => openCopy(directory, entry))
}

/** Whether a copy has all files of its tree at full length. */
export async function isWholeCopy(directory: string, tree: SourceTree): Promise<boolean> {
  for (const entry of tree.entries) {
    const stats = await lstat(join(directory, entry.path)).catch(() => undefined)
    if (stats === undefined || (entry.kind === 'file' && stats.size !== entry.bytes)) return false
  }
  return true
}

/** What a private checkout holds stays private: only we and the account may enter the copy. */
export async function closeToOthers(directory: string, user: ChildUser | undefined): Promise<void> {
  if (user === undefined) return chmod(directory, 0o700)
  await chown(directory, -1, user.gid)
  await chmod(directory, 0o750)
}

async function makeDirectories(root: string, tree: SourceTree): Promise<void> {
  await ensureOwnedDirectory(dirname(root), { mode: 0o711 })
  const directories = new Set([root])
  for (const { path } of [...tree.entries, ...tree.dependencyDirectories.map((path) => ({ path }))]) {
    for (let at = dirname(path); at !== '.'; at = dirname(at)) directories.add(join(root, at))
  }
  for (const directory of [...directories].sort()) {
    await mkdir(directory)
    // Not left to mkdir: its mode is subject to the umask.
    await chmod(directory, 0o755)
  }
}

async function openCopy(
  root: string,
  entry: SourceEntry,
): ReturnType<NonNullable<Parameters<typeof hashSourceTree>[1]>> {
  const target = join(root, entry.path)
  if (entry.kind === 'link') {
    await symlink(entry.target, target)
    return undefined
  }
  const mode = entry.isExecutable ? 0o755 : 0o644
  const handle = await open(target, 'wx', mode)
  await handle.chmod(mode)
  return { write: (piece) => handle.writeFile(piece), close: () => handle.close() }
}
