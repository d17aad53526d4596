import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, readlink, realpath, stat, symlink } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import type { ChildUser } from '../core/child-user.ts'
import { canReachDependencies } from './reachable.ts'
import { makeReadableCopy } from './readable-copy.ts'
import { isOutside } from './release.ts'

/** Where to put copies of what the children's account can't read in place. */
export interface DependencyPlace {
  /** Holds one directory for each set of installed packages. */
  readonly directory: string
  readonly user: ChildUser | undefined
  /** A name that was never given before in this directory. */
  temporaryName(): string
}

const LOCK_FILES = ['package-lock.json', 'npm-shrinkwrap.json', 'yarn.lock', 'pnpm-lock.yaml', 'bun.lock']
const HIDDEN_LOCK_FILES = ['.package-lock.json', '.yarn-state.yml', '.modules.yaml']

/**
 * The `node_modules` directories that a package's imports may resolve from, nearest first: its own, then those of the
 * directories above, where workspaces hoist to.
 */
export async function dependencyDirectoriesAbove(packageRoot: string): Promise<string[]> {
  const found: string[] = []
  for (let directory = dirname(packageRoot); directory !== dirname(directory); directory = dirname(directory)) {
    const candidate = join(directory, 'node_modules')
    const stats = await stat(candidate).catch(() => undefined)
    if (stats?.isDirectory() === true) found.push(candidate)
  }
  return found
}

/**
 * A directory with the content of an installed `node_modules` that the account can read: the directory itself, or a
 * copy of it, made once for each state of the lock files.
 */
export async function readableDependencies(installed: string, place: DependencyPlace): Promise<string> {
  if (place.user === undefined || (await canReachDependencies(place.user, installed))) return installed
  const target = join(place.directory, await installationHash(installed))
  const isThere = (await stat(target).catch(() => undefined)) !== undefined
  if (!isThere) await makeReadableCopy(installed, target, join(place.directory, place.temporaryName()), place.user)
  return join(target, 'node_modules')
}

/**
 * Makes a `node_modules` of links in a release. Packages of the same workspace, which an installer links to their
 * sources, lead to the sources in the release: the release is complete, whatever happens to the checkout.
 *
 * @param sources pairs of an installed `node_modules` and the readable one to link to, nearest first
 */
export async function linkDependencies(
  target: string,
  sources: readonly (readonly [installed: string, readable: string])[],
  release: { readonly packageRoot: string; readonly directory: string },
): Promise<void> {
  const linked = new Set<string>()

  async function linkEntries(installed: string, readable: string, to: string): Promise<void> {
    await mkdir(to, { recursive: true })
    await chmod(to, 0o755)
    for (const entry of await readdir(installed, { withFileTypes: true })) {
      if (entry.name.startsWith('.') && entry.name !== '.bin' && entry.name !== '.pnpm') continue
      const path = join(to, entry.name)
      if (entry.isDirectory() && entry.name.startsWith('@')) {
        await linkEntries(join(installed, entry.name), join(readable, entry.name), path)
      } else if (!linked.has(path)) {
        linked.add(path)
        const own = entry.isSymbolicLink() ? await sourcesInRelease(join(installed, entry.name)) : undefined
        await symlink(own === undefined ? join(readable, entry.name) : relative(to, own), path)
      }
    }
  }

  async function sourcesInRelease(link: string): Promise<string | undefined> {
    const inside = relative(release.packageRoot, resolve(dirname(link), await readlink(link)))
    const isSource = !isOutside(inside) && !inside.split('/').includes('node_modules')
    return isSource ? join(release.directory, inside) : undefined
  }

  // Also where nothing is installed: it says that the release is whole.
  await mkdir(target, { recursive: true })
  await chmod(target, 0o755)
  for (const [installed, readable] of sources) await linkEntries(installed, readable, target)
}

/** Changes when an installer has run: lock files, and the names of what is installed. */
async function installationHash(installed: string): Promise<string> {
  const hash = createHash('sha256').update(await realpath(installed))
  const files = [
    ...LOCK_FILES.map((name) => join(dirname(installed), name)),
    ...HIDDEN_LOCK_FILES.map((name) => join(installed, name)),
  ]
  for (const file of files) hash.update(await readFile(file).catch(() => ''))
  const names = await readdir(installed)
  hash.update(JSON.stringify(names.filter((name) => !name.startsWith('.')).sort()))
  return hash.digest('hex').slice(0, 20)
}
