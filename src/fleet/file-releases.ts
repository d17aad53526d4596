import { readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import { uniqueId } from '../core/random.ts'
import { closeToOthers, copySourceTree, isWholeCopy } from './copy-source-tree.ts'
import { forEachBounded } from '../core/for-each-bounded.ts'
import { renameUnlessThere } from './readable-copy.ts'
import type { Release } from './release.ts'
import type { SourceTree } from './source-tree.ts'
import { hashSourceTree, readSourceTree } from './source-tree.ts'

/** A snapshot of the files of a front end. */
export interface FileRelease extends Release {
  /** Directories of the releases before it that are kept, the latest first. */
  readonly former: readonly string[]
}

/** The releases of front ends: what the gateway serves is a copy, so that a build never shows half done. */
export interface FileReleases {
  /**
   * Takes a snapshot of a built front end, once nothing has been written in it for a moment. The same files give the
   * same release, without copying again.
   *
   * @throws TF_FILES_UNREADY when there is nothing in it, or it does not come to rest; TF_RELEASE_TOO_LARGE,
   * TF_RELEASE_UNREADABLE
   */
  take(service: string, directory: string, signal?: AbortSignal): Promise<FileRelease>
  /** A release that was taken before of this directory; undefined when it is not there any more. */
  find(service: string, id: string, directory: string): Promise<FileRelease | undefined>
  /**
   * Removes the oldest releases beyond three of each service, never one that is `inUse`, and all of services that are not
   * in there.
   */
  prune(inUse: Readonly<Record<string, readonly string[]>>): Promise<void>
}

/** Where releases are kept and who reads them. */
export interface FileReleasesOptions {
  /** Directory that the gateway's account can enter; `files` is made below it. */
  readonly dataRoot: string
  /** The account that the gateway runs as; undefined: our own. */
  readonly user: ChildUser | undefined
  readonly clock: Clock
}

/** Pages that are open still ask for files of the release that they came from. */
const KEPT = 3
/** A build that has written nothing for so long is over. */
const QUIET_MS = 300
const QUIET_TRIES = 100
const STATS_AT_ONCE = 16

export function createFileReleases({ dataRoot, user, clock }: FileReleasesOptions): FileReleases {
  const root = join(dataRoot, 'files')

  async function copy(tree: SourceTree, service: string): Promise<string> {
    const temporary = join(root, service, `.tmp-${uniqueId()}`)
    try {
      const id = await copySourceTree(tree, temporary)
      await closeToOthers(temporary, user)
      await renameUnlessThere(temporary, join(root, service, id))
      return id
    } finally {
      await rm(temporary, { recursive: true, force: true })
    }
  }

  async function newestFirst(service: string): Promise<readonly string[]> {
    const ages = new Map<string, number>()
    for (const name of await readdir(join(root, service)).catch(() => [])) {
      const stats = await stat(join(root, service, name)).catch(() => undefined)
      if (stats !== undefined && !name.startsWith('.')) ages.set(name, stats.mtimeMs)
    }
    return [...ages.keys()].sort((a, b) => (ages.get(b) ?? 0) - (ages.get(a) ?? 0))
  }

  async function released(service: string, id: string, packageRoot: string): Promise<FileRelease> {
    const others = (await newestFirst(service)).filter((name) => name !== id)
    const former = others.slice(0, KEPT - 1).map((name) => join(root, service, name))
    return { id, directory: join(root, service, id), packageRoot, former }
  }

  return {
    async take(service, directory, signal) {
      const tree = await atRest(service, directory, clock, signal)
      let id = await hashSourceTree(tree)
      if (!(await isWholeCopy(join(root, service, id), tree))) {
        await rm(join(root, service, id), { recursive: true, force: true })
        id = await copy(tree, service)
      }
      const now = clock.epochMs() / 1_000
      await utimes(join(root, service, id), now, now)
      return released(service, id, directory)
    },
    async find(service, id, directory) {
      return (await newestFirst(service)).includes(id) ? released(service, id, directory) : undefined
    },
    async prune(inUse) {
      for (const service of await readdir(root).catch(() => [])) {
        const used = inUse[service]
        const kept = used === undefined ? [] : [...used, ...(await newestFirst(service)).slice(0, KEPT)]
        for (const name of await readdir(join(root, service))) {
          if (!kept.includes(name)) await rm(join(root, service, name), { recursive: true, force: true })
        }
      }
    },
  }
}

/** The files of a directory, when the last of them was written a moment ago. */
async function atRest(service: string, directory: string, clock: Clock, signal?: AbortSignal): Promise<SourceTree> {
  for (let tries = 0; tries < QUIET_TRIES; tries++) {
    const tree = await readSourceTree(directory).catch((error: NodeJS.ErrnoException) => {
      // The directory itself, or one of its files: a build begins with removing them.
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (tree !== undefined && tree.entries.length > 0 && (await isAtRest(tree, clock.epochMs()))) return tree
    await sleep(clock, QUIET_MS, signal)
  }
  throw new TenfoldError('TF_FILES_UNREADY', `expected ${directory}, the files of ${service}, to be built, got none`, {
    hint: 'build the front end, and do this again when that has ended',
    details: { service, directory },
  })
}

/** Files of the future, where a clock was set back, are as good as old; one that has gone meanwhile is news. */
async function isAtRest(tree: SourceTree, nowEpochMs: number): Promise<boolean> {
  let isQuiet = true
  await forEachBounded(tree.entries, STATS_AT_ONCE, async ({ kind, path }) => {
    if (kind === 'link') return
    const stats = await stat(join(tree.root, path)).catch(() => undefined)
    const ageMs = stats === undefined ? 0 : nowEpochMs - stats.mtimeMs
    if (ageMs >= 0 && ageMs < QUIET_MS) isQuiet = false
  })
  return isQuiet
}
