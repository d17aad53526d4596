import { chmod, copyFile, link, lstat, mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import type { ChildUser } from '../core/child-user.ts'
import { forEachBounded } from './for-each-bounded.ts'
import { modeAllows } from './reachable.ts'
import { isOutside } from './release.ts'

const FILES_AT_ONCE = 16
/** Caches that tools keep inside `node_modules`: no program imports from them. */
const TOOL_CACHE = /^\.(cache|vite|vite-temp|vitest|turbo)$/

/**
 * Makes a copy of a directory that an account can read: hard links, which cost no space, where a file's mode allows it
 * and the file system is the same; copies with readable modes otherwise. Links inside stay links; links that leave the
 * directory are followed, since what they lead to may be out of reach.
 *
 * Atomic: `target` exists whole or not at all. A copy that another got done first is left as it is.
 *
 * @param temporary a path beside `target` that nobody else uses
 */
export async function makeReadableCopy(
  source: string,
  target: string,
  temporary: string,
  user: ChildUser,
): Promise<void> {
  const copy = new ReadableCopy(source, user)
  try {
    await mkdir(dirname(target), { recursive: true, mode: 0o755 })
    await copy.directory(source, temporary)
    await forEachBounded(copy.files, FILES_AT_ONCE, ([from, to]) => copy.file(from, to))
    await renameUnlessThere(temporary, target)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** Moves a finished directory to its name; an equal one that is already there wins. */
export async function renameUnlessThere(temporary: string, target: string): Promise<void> {
  try {
    await rename(temporary, target)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
  }
}

/** Copies a program, or hard links it, to where an account can execute it. */
export async function copyProgram(source: string, target: string, temporary: string, user: ChildUser): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: 0o755 })
  await new ReadableCopy(dirname(source), user).file(source, temporary)
  await rename(temporary, target)
}

class ReadableCopy {
  readonly files: (readonly [from: string, to: string])[] = []
  readonly #root: string
  readonly #user: ChildUser
  #canLink = true

  constructor(root: string, user: ChildUser) {
    this.#root = root
    this.#user = user
  }

  /** Makes the directories and links at once, and collects the files. */
  async directory(from: string, to: string): Promise<void> {
    await mkdir(to)
    // Not left to mkdir: its mode is subject to the umask.
    await chmod(to, 0o755)
    for (const entry of await readdir(from, { withFileTypes: true })) {
      const [source, target] = [join(from, entry.name), join(to, entry.name)]
      if (entry.isDirectory()) {
        if (!TOOL_CACHE.test(entry.name)) await this.directory(source, target)
      } else if (entry.isFile()) this.files.push([source, target])
      else if (entry.isSymbolicLink()) await this.#link(source, target)
    }
  }

  async file(from: string, to: string): Promise<void> {
    const stats = await lstat(from)
    const isProgram = (stats.mode & 0o100) !== 0
    if (this.#canLink && modeAllows(this.#user, stats, isProgram ? 5 : 4)) {
      try {
        return await link(from, to)
      } catch {
        // Another file system, or one without hard links: copies from here on.
        this.#canLink = false
      }
    }
    await copyFile(from, to)
    await chmod(to, isProgram ? 0o755 : 0o644)
  }

  async #link(source: string, target: string): Promise<void> {
    const raw = await readlink(source)
    const leadsTo = resolve(dirname(source), raw)
    const inside = relative(this.#root, leadsTo)
    if (!isOutside(inside)) return symlink(isAbsolute(raw) ? relative(dirname(source), leadsTo) : raw, target)
    const stats = await lstat(leadsTo).catch(() => undefined)
    if (stats?.isFile() === true) this.files.push([leadsTo, target])
    // A linked package brings its own sources, not what it installed for itself.
    else if (stats?.isDirectory() === true) await this.#linkedPackage(leadsTo, target)
  }

  async #linkedPackage(from: string, to: string): Promise<void> {
    await mkdir(to)
    await chmod(to, 0o755)
    for (const entry of await readdir(from, { withFileTypes: true })) {
      if (entry.name === 'node_modules' || entry.name === '.git' || entry.name === '.tenfold') continue
      if (entry.isDirectory()) await this.#linkedPackage(join(from, entry.name), join(to, entry.name))
      else if (entry.isFile()) this.files.push([join(from, entry.name), join(to, entry.name)])
    }
  }
}
