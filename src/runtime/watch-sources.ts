import type { FSWatcher } from 'node:fs'
import { watch } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cancel, Clock } from '../core/clock.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { IgnoreRules } from '../fleet/ignore-rules.ts'
import { ignoreRules } from '../fleet/ignore-rules.ts'

/** Tells when sources have been saved. */
export interface SourceWatch {
  close(): void
}

/** @see watchSources */
export interface SourceWatchOptions {
  /** The package, absolute; what a release leaves out is not looked at. */
  readonly directory: string
  readonly clock: Clock
  /** What is no source, absolute. */
  readonly except: readonly string[]
  /** Gets what has changed since the last call, absolute, once nothing more came for a moment. */
  readonly onChange: (files: ReadonlySet<string>) => void
  /** Gets what can't be watched; the rest is. */
  readonly onProblem: (message: string) => void
}

/** Longer than an editor takes to write a file beside another and rename it. */
const QUIET_MS = 40
const DIRECTORIES_MAX = 5_000

/**
 * Watches the sources of a package, also directories that come later.
 *
 * @throws TF_WATCH_FAILED when the kernel has no watch left
 */
export async function watchSources(options: SourceWatchOptions): Promise<SourceWatch> {
  const { directory } = options
  const rules = ignoreRules(await readFile(join(directory, '.tenfoldignore'), 'utf8').catch(() => ''))
  const sources = new DirectoryWatches(options, rules)
  try {
    await sources.add('')
  } catch (error) {
    sources.close()
    throw error
  }
  return sources
}

class DirectoryWatches implements SourceWatch {
  readonly #options: SourceWatchOptions
  readonly #rules: IgnoreRules
  readonly #watches = new Map<string, FSWatcher>()
  #changed = new Set<string>()
  #cancel: Cancel = () => undefined
  #isClosed = false

  constructor(options: SourceWatchOptions, rules: IgnoreRules) {
    this.#options = options
    this.#rules = rules
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
    for (const path of this.#watches.keys()) this.#remove(path)
  }

  /** A directory and all below it, relative to the package. */
  async add(path: string): Promise<void> {
    if (this.#watches.has(path) || this.#isClosed) return
    if (this.#watches.size >= DIRECTORIES_MAX) throw tooMany(this.#options.directory)
    this.#watches.set(path, this.#watch(path))
    const entries = await readdir(join(this.#options.directory, path), { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      const child = path === '' ? entry.name : `${path}/${entry.name}`
      if (entry.isDirectory() && !this.#isIgnored(child)) await this.add(child)
    }
  }

  #watch(path: string): FSWatcher {
    try {
      const watcher = watch(join(this.#options.directory, path))
      watcher.on('change', (_, name) => this.#onEvent(path, String(name)))
      // The directory is gone; its parent has said so.
      watcher.on('error', () => this.#remove(path))
      return watcher
    } catch (cause) {
      throw new TenfoldError('TF_WATCH_FAILED', `expected to watch the sources, got: ${messageOf(cause)}`, {
        hint: 'allow more watches: sysctl fs.inotify.max_user_watches=524288; or list directories in .tenfoldignore',
        cause,
      })
    }
  }

  #onEvent(directory: string, name: string): void {
    const path = directory === '' ? name : `${directory}/${name}`
    if (this.#isClosed || this.#isIgnored(path) || isNoSource(name)) return
    this.#changed.add(join(this.#options.directory, path))
    this.#cancel()
    this.#cancel = this.#options.clock.schedule(QUIET_MS, () => void this.#tell())
  }

  async #tell(): Promise<void> {
    const changed = this.#changed
    this.#changed = new Set()
    try {
      // A directory that came meanwhile, with what is in it.
      for (const watched of new Set(this.#watches.keys())) await this.#addNew(watched, changed)
    } catch (error) {
      this.#options.onProblem(messageOf(error))
    }
    if (!this.#isClosed) this.#options.onChange(changed)
  }

  async #addNew(parent: string, changed: ReadonlySet<string>): Promise<void> {
    const root = join(this.#options.directory, parent)
    for (const file of changed) {
      const name = file.slice(root.length + 1)
      if (!file.startsWith(`${root}/`) || name.includes('/')) continue
      const isDirectory = await readdir(file).then(
        () => true,
        () => false,
      )
      if (isDirectory) await this.add(parent === '' ? name : `${parent}/${name}`)
    }
  }

  #isIgnored(path: string): boolean {
    const { directory, except } = this.#options
    return this.#rules.ignores(path) || except.includes(join(directory, path))
  }

  #remove(path: string): void {
    this.#watches.get(path)?.close()
    this.#watches.delete(path)
  }
}

/** Swap and backup files of editors, written on each key, and logs, which would follow their own echo. */
function isNoSource(name: string): boolean {
  return /^\.#|~$|\.sw[a-z]$|^4913$|___jb_|\.log$/.test(name)
}

function tooMany(directory: string): TenfoldError {
  return new TenfoldError(
    'TF_WATCH_FAILED',
    `expected at most ${DIRECTORIES_MAX} directories of sources in ${directory}, got more`,
    { hint: 'list in .tenfoldignore what is no source' },
  )
}
