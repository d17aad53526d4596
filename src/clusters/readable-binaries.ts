import { chmod, copyFile, link, mkdir, mkdtemp, readdir, readlink, rename, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncFile } from '../core/durable-file.ts'
import { makeDirectories } from './make-directories.ts'

/**
 * Makes `target` a copy of the directory `source` that every account can read. Files whose modes already allow that
 * are hard links, which cost no space; the others, and all on another file system, are copies with wider modes.
 *
 * `target` appears whole or not at all. If it is there already, nothing happens.
 */
export async function copyReadable(source: string, target: string): Promise<void> {
  if (await exists(target)) return
  await makeDirectories(dirname(target), 0o755)
  const temporary = await mkdtemp(`${target}.`)
  try {
    await copyDirectory(source, temporary)
    await rename(temporary, target).catch(async (error: unknown) => {
      // Another process was faster.
      if (!(await exists(target))) throw error
    })
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** As `copyReadable`, in place of whatever `target` is. */
export async function replaceReadable(source: string, target: string): Promise<void> {
  const old = await mkdtemp(`${target}.old.`)
  await rename(target, join(old, 'copy')).catch(async (error: unknown) => {
    if (await exists(target)) throw error
  })
  await rm(old, { recursive: true, force: true })
  await copyReadable(source, target)
}

async function copyDirectory(source: string, target: string): Promise<void> {
  await chmod(target, 0o755)
  for (const entry of await readdir(source, { withFileTypes: true })) {
    const from = join(source, entry.name)
    const to = join(target, entry.name)
    if (entry.isDirectory()) {
      await mkdir(to)
      await copyDirectory(from, to)
    } else if (entry.isSymbolicLink()) {
      await symlink(await readlink(from), to)
    } else if (entry.isFile()) {
      await linkOrCopy(from, to)
    }
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  const { mode } = await stat(from)
  const wanted = (mode & 0o100) !== 0 ? 0o755 : 0o644
  if ((mode & wanted & 0o055) === (wanted & 0o055)) {
    try {
      await link(from, to)
      return
    } catch {
      // Another file system, or a policy against hard links: copy.
    }
  }
  await copyFile(from, to)
  await chmod(to, wanted)
  await syncFile(to)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
