import { readdir, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ChildUser } from '../core/child-user.ts'
import { canAccess } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { uniqueId } from '../core/random.ts'
import { closeToOthers, copySourceTree, isWholeCopy } from './copy-source-tree.ts'
import { dependencyDirectoriesAbove, linkDependencies, readableDependencies } from './dependencies.ts'
import { copyProgram, renameUnlessThere } from './readable-copy.ts'
import type { Release } from './release.ts'
import { packageRootOf } from './release.ts'
import type { SourceLimits, SourceTree } from './source-tree.ts'
import { hashSourceTree, readSourceTree } from './source-tree.ts'

/** The releases of one system, below its data root. */
export interface ReleaseStore {
  /**
   * Takes a snapshot of the package that holds `directory` (nearest `package.json` upwards, else the directory itself)
   * with its installed dependencies linked in. The same sources give the same release, without copying again.
   *
   * @throws TF_RELEASE_TOO_LARGE, TF_RELEASE_UNREADABLE
   */
  take(directory: string): Promise<Release>
  /** A release that was taken before of the package that holds `directory`; undefined when it is not there any more. */
  find(id: string, directory: string): Promise<Release | undefined>
  /** Removes the oldest releases beyond five, never one whose id is in `inUse`, and what a crash left half done. */
  prune(inUse: ReadonlySet<string>): Promise<void>
  /**
   * A Node executable that the children's account can run: `node` itself, or a copy under the data root.
   *
   * @param node @default the Node that runs us
   */
  readableNode(node?: string): Promise<string>
}

/** Where releases are kept and who reads them. */
export interface ReleaseStoreOptions {
  /** Directory that the children's account can enter; `releases`, `dependencies` and `programs` are made below it. */
  readonly dataRoot: string
  /** The account that children run as; undefined: our own. */
  readonly user: ChildUser | undefined
  /** @default 20,000 files, 512 MiB */
  readonly limits?: SourceLimits
  /** Files that no release holds, absolute. @default none */
  readonly except?: readonly string[]
  readonly clock?: Clock
}

/** How many releases are kept, so that going back is quick. */
export const RELEASES_KEPT = 5

/**
 * Keeps the releases of one system. One control plane at a time may use a data root.
 *
 * @example
 * const store = createReleaseStore({ dataRoot: '/app/.tenfold/shop', user: undefined })
 * const release = await store.take('/app/systems/shop')
 */
export function createReleaseStore(options: ReleaseStoreOptions): ReleaseStore {
  return new LocalReleaseStore(options)
}

class LocalReleaseStore implements ReleaseStore {
  readonly #options: ReleaseStoreOptions
  readonly #clock: Clock
  readonly #releases: string

  constructor(options: ReleaseStoreOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#releases = join(options.dataRoot, 'releases')
  }

  async take(directory: string): Promise<Release> {
    const tree = await readSourceTree(await packageRootOf(directory), this.#options)
    let id = await hashSourceTree(tree)
    if (!(await isWhole(join(this.#releases, id), tree))) {
      // A half one is what a machine leaves that lost power: the names were on disk, the contents were not.
      await rm(join(this.#releases, id), { recursive: true, force: true })
      id = await this.#copy(tree)
    }
    const release = { id, directory: join(this.#releases, id), packageRoot: tree.root }
    const now = this.#clock.epochMs() / 1000
    await utimes(release.directory, now, now)
    return release
  }

  async find(id: string, directory: string): Promise<Release | undefined> {
    const release = { id, directory: join(this.#releases, id), packageRoot: await packageRootOf(directory) }
    // The last thing that is made of one.
    const isThere = (await stat(join(release.directory, 'node_modules')).catch(() => undefined)) !== undefined
    return isThere ? release : undefined
  }

  async prune(inUse: ReadonlySet<string>): Promise<void> {
    const names = await readdir(this.#releases).catch(() => [])
    const ages = new Map<string, number>()
    for (const name of names) {
      if (name.startsWith('.tmp-')) await rm(join(this.#releases, name), { recursive: true, force: true })
      else ages.set(name, (await stat(join(this.#releases, name))).mtimeMs)
    }
    const newestFirst = [...ages.keys()].sort((a, b) => (ages.get(b) ?? 0) - (ages.get(a) ?? 0))
    for (const name of newestFirst.slice(RELEASES_KEPT)) {
      if (!inUse.has(name)) await rm(join(this.#releases, name), { recursive: true, force: true })
    }
  }

  async readableNode(node: string = process.execPath): Promise<string> {
    const { user, dataRoot } = this.#options
    if (user === undefined || (await canAccess(user, node, 'execute'))) return node
    const target = join(dataRoot, 'programs', `node-${process.version}-${process.arch}`, 'node')
    const isThere = (await stat(target).catch(() => undefined)) !== undefined
    if (!isThere) await copyProgram(node, target, join(dirname(target), temporaryName()), user)
    return target
  }

  async #copy(tree: SourceTree): Promise<string> {
    const temporary = join(this.#releases, temporaryName())
    try {
      const id = await copySourceTree(tree, temporary)
      await this.#linkDependencies(tree, temporary)
      await closeToOthers(temporary, this.#options.user)
      await renameUnlessThere(temporary, join(this.#releases, id))
      return id
    } finally {
      await rm(temporary, { recursive: true, force: true })
    }
  }

  async #linkDependencies(tree: SourceTree, directory: string): Promise<void> {
    const { dataRoot, user } = this.#options
    const place = { directory: join(dataRoot, 'dependencies'), user, temporaryName }
    const pair = async (installed: string): Promise<readonly [string, string]> => [
      installed,
      await readableDependencies(installed, place),
    ]
    const above = await dependencyDirectoriesAbove(tree.root)
    const own = new Set(['node_modules', ...tree.dependencyDirectories])
    for (const path of own) {
      const installed = path === 'node_modules' ? above : []
      if (tree.dependencyDirectories.includes(path)) installed.unshift(join(tree.root, path))
      const sources = []
      for (const directory of installed) sources.push(await pair(directory))
      await linkDependencies(join(directory, path), sources, { packageRoot: tree.root, directory })
    }
  }
}

/** Whether a release is there with all its files, and what is installed. */
async function isWhole(directory: string, tree: SourceTree): Promise<boolean> {
  const hasDependencies = (await stat(join(directory, 'node_modules')).catch(() => undefined)) !== undefined
  return hasDependencies && (await isWholeCopy(directory, tree))
}

function temporaryName(): string {
  return `.tmp-${uniqueId()}`
}
