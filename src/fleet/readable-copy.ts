import {
  chmod,
  constants,
  copyFile,
  link,
  lstat,
  mkdir,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import type { ChildUser } from '../core/child-user.ts'
import { syncFile } from '../core/durable-file.ts'
import { ensureOwnedDirectory } from '../core/owned-directory.ts'
import { forEachBounded } from '../core/for-each-bounded.ts'
import { modeAllows } from './reachable.ts'
import { isOutside } from './release.ts'

const FILES_AT_ONCE = 16
/** What no program imports from: caches that tools keep inside `node_modules`, and the history of linked packages. */
const LEFT_OUT = /^\.(cache|vite|vite-temp|vitest|turbo|git|tenfold)$/

/**
 * Makes a copy of an installed `node_modules` that an account can read: hard links, which cost no space, where a file's
 * mode allows it and the file system is the same; copies with readable modes otherwise.
 *
 * Links inside stay links. Packages that are linked in from elsewhere are copied to `linked/` beside it, with what they
 * have installed for themselves: below `node_modules` Node would refuse to run their TypeScript.
 *
 * Atomic: `target`, which holds both, exists whole or not at all. A copy that another got done first stays as it is.
 *
 * @param temporary a path beside `target` that nobody else uses
 */
export async function makeReadableCopy(
  source: string,
  target: string,
  temporary: string,
  user: ChildUser,
): Promise<void> {
  const linked = join(temporary, 'linked')
  const copy = new ReadableCopy(user, linked)
  try {
    await ensureOwnedDirectory(linked, { mode: 0o755 })
    await copy.root(await realpath(source), join(temporary, 'node_modules'))
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
  await ensureOwnedDirectory(dirname(target), { mode: 0o755 })
  await new ReadableCopy(user, dirname(target)).file(await realpath(source), temporary)
  await syncFile(temporary)
  await rename(temporary, target)
}

class ReadableCopy {
  readonly files: (readonly [from: string, to: string])[] = []
  readonly #user: ChildUser
  readonly #linked: string
  /** Directories that are copied as wholes, and where to: links between them stay links. */
  readonly #roots = new Map<string, string>()
  #canLink = true

  constructor(user: ChildUser, linked: string) {
    this.#user = user
    this.#linked = linked
  }

  async root(from: string, to: string): Promise<void> {
    this.#roots.set(from, to)
    await this.#directory(from, to)
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
    // A clone, where the file system can, costs no space either.
    await copyFile(from, to, constants.COPYFILE_FICLONE)
    await chmod(to, isProgram ? 0o755 : 0o644)
  }

  /** Makes the directories and links at once, and collects the files. */
  async #directory(from: string, to: string): Promise<void> {
    await mkdir(to)
    // Not left to mkdir: its mode is subject to the umask.
    await chmod(to, 0o755)
    for (const entry of await readdir(from, { withFileTypes: true })) {
      const [source, target] = [join(from, entry.name), join(to, entry.name)]
      if (LEFT_OUT.test(entry.name)) continue
      if (entry.isFile()) this.files.push([source, target])
      else if (entry.isSymbolicLink()) await this.#link(source, target)
      else if (entry.isDirectory()) {
        if (this.#roots.has(source)) await this.#linkToCopy(source, target)
        else await this.#directory(source, target)
      }
    }
  }

  async #link(source: string, target: string): Promise<void> {
    const real = await realpath(source).catch(() => undefined)
    if (real === undefined || (await this.#linkToCopy(real, target))) return
    const stats = await stat(real)
    if (stats.isFile()) this.files.push([real, target])
    else if (stats.isDirectory()) {
      // The number keeps packages of one name apart.
      await this.root(real, join(this.#linked, `${this.#roots.size}-${basename(real)}`))
      await this.#linkToCopy(real, target)
    }
  }

  /** Links to where a path has been copied to, if it has. */
  async #linkToCopy(path: string, target: string): Promise<boolean> {
    for (const [root, copy] of this.#roots) {
      const inside = relative(root, path)
      if (isOutside(inside)) continue
      await symlink(relative(dirname(target), join(copy, inside)), target)
      return true
    }
    return false
  }
}
