import { createHash } from 'node:crypto'
import { open, readFile, readdir, readlink, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { messageOf, TenfoldError } from '../core/errors.ts'
import { formatSize } from '../core/size.ts'
import { forEachBounded } from '../core/for-each-bounded.ts'
import type { IgnoreRules } from './ignore-rules.ts'
import { ignoreRules } from './ignore-rules.ts'
import { isOutside } from './release.ts'

/** What a package consists of, without the content of its files. */
export interface SourceTree {
  /** The package's directory, absolute. */
  readonly root: string
  /** Sorted by path, so that the order of the file system never shows. */
  readonly entries: readonly SourceEntry[]
  /** The `node_modules` directories inside, relative to the root. */
  readonly dependencyDirectories: readonly string[]
}

export type SourceEntry = { /** Relative to the root. */ readonly path: string } & (
  | { readonly kind: 'file'; readonly isExecutable: boolean; readonly bytes: number }
  | { readonly kind: 'link'; readonly target: string }
)

/** What a release may hold at most. */
export interface SourceLimits {
  readonly filesMax: number
  readonly bytesMax: number
}

/** @see readSourceTree */
export interface SourceOptions {
  /** @default 20,000 files, 512 MiB */
  readonly limits?: SourceLimits | undefined
  /** Files that are left out, absolute. @default none */
  readonly except?: readonly string[] | undefined
}

export const SOURCE_LIMITS_DEFAULT: SourceLimits = { filesMax: 20_000, bytesMax: 512 * 1024 ** 2 }

const READS_AT_ONCE = 16
const CHUNK_BYTES = 1024 * 1024

/**
 * Lists the sources of a package: all files but those that its `.tenfoldignore` and the built-in rules leave out.
 * Sockets, pipes and devices are left out too.
 *
 * @throws TF_RELEASE_TOO_LARGE, TF_RELEASE_UNREADABLE
 */
export async function readSourceTree(root: string, options: SourceOptions = {}): Promise<SourceTree> {
  const { limits = SOURCE_LIMITS_DEFAULT, except = [] } = options
  const rules = ignoreRules(await readFile(join(root, '.tenfoldignore'), 'utf8').catch(() => ''))
  const walk = new Walk(root, rules, limits, new Set(except))
  try {
    await walk.directory('')
  } catch (error) {
    throw asUnreadable(root, error)
  }
  walk.entries.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { root, entries: walk.entries, dependencyDirectories: walk.dependencyDirectories.sort() }
}

/**
 * The content address of a tree: paths, contents and whether the owner may execute; not times, owners or other modes.
 *
 * @param sink gets each piece of each file as it is read, so that what is copied is what is hashed
 */
export async function hashSourceTree(
  tree: SourceTree,
  sink?: (
    entry: SourceEntry,
  ) => Promise<{ write(piece: Uint8Array): Promise<void>; close(): Promise<void> } | undefined>,
): Promise<string> {
  const digests = new Map<string, string>()
  try {
    await forEachBounded(tree.entries, READS_AT_ONCE, async (entry) => {
      const copy = await sink?.(entry)
      try {
        if (entry.kind === 'file') digests.set(entry.path, await hashFile(join(tree.root, entry.path), copy))
      } finally {
        await copy?.close()
      }
    })
  } catch (error) {
    throw asUnreadable(tree.root, error)
  }
  const whole = createHash('sha256')
  for (const entry of tree.entries) {
    const what =
      entry.kind === 'link' ? ['link', entry.target] : [entry.isExecutable ? 'run' : 'file', digests.get(entry.path)]
    whole.update(`${JSON.stringify([entry.path, ...what])}\n`)
  }
  return whole.digest('hex').slice(0, 20)
}

class Walk {
  readonly entries: SourceEntry[] = []
  readonly dependencyDirectories: string[] = []
  readonly #root: string
  readonly #rules: IgnoreRules
  readonly #limits: SourceLimits
  readonly #except: ReadonlySet<string>
  #bytes = 0

  constructor(root: string, rules: IgnoreRules, limits: SourceLimits, except: ReadonlySet<string>) {
    this.#root = root
    this.#rules = rules
    this.#limits = limits
    this.#except = except
  }

  async directory(path: string): Promise<void> {
    for (const entry of await readdir(join(this.#root, path), { withFileTypes: true })) {
      const child = path === '' ? entry.name : `${path}/${entry.name}`
      if (entry.name === 'node_modules') this.dependencyDirectories.push(child)
      if (this.#rules.ignores(child) || this.#except.has(join(this.#root, child))) continue
      if (entry.isDirectory()) await this.directory(child)
      else if (entry.isFile()) await this.#file(child)
      else if (entry.isSymbolicLink()) this.#add({ path: child, kind: 'link', target: await this.#target(child) })
    }
  }

  async #file(path: string): Promise<void> {
    const { size, mode } = await stat(join(this.#root, path))
    this.#bytes += size
    this.#add({ path, kind: 'file', isExecutable: (mode & 0o100) !== 0, bytes: size })
  }

  /** A link inside the package stays relative; one that leaves it keeps pointing where it did. */
  async #target(path: string): Promise<string> {
    const from = dirname(join(this.#root, path))
    const target = resolve(from, await readlink(join(this.#root, path)))
    const inside = relative(this.#root, target)
    return isOutside(inside) ? target : relative(from, target) || '.'
  }

  #add(entry: SourceEntry): void {
    this.entries.push(entry)
    const { filesMax, bytesMax } = this.#limits
    if (this.entries.length <= filesMax && this.#bytes <= bytesMax) return
    throw new TenfoldError(
      'TF_RELEASE_TOO_LARGE',
      `expected the package ${this.#root} to have at most ${filesMax} files and ${formatSize(bytesMax)} of sources, got more at ${entry.path}`,
      { hint: 'list what the services do not need in a file .tenfoldignore beside its package.json, a pattern a line' },
    )
  }
}

async function hashFile(file: string, copy?: { write(piece: Uint8Array): Promise<void> }): Promise<string> {
  const hash = createHash('sha256')
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(size + 1, CHUNK_BYTES)))
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length)
      if (bytesRead === 0) return hash.digest('hex')
      const piece = buffer.subarray(0, bytesRead)
      hash.update(piece)
      await copy?.write(piece)
    }
  } finally {
    await handle.close()
  }
}

function asUnreadable(root: string, error: unknown): unknown {
  const isPermission = error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM')
  if (!isPermission) return error
  return new TenfoldError(
    'TF_RELEASE_UNREADABLE',
    `expected to read all sources of ${root}, got: ${messageOf(error)}`,
    {
      hint: 'make the file readable for the user that runs tenfold, or list it in .tenfoldignore',
      cause: error,
    },
  )
}
