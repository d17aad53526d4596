import { chmod, chown, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import type { LineageKeys } from './lineage.ts'
import type { BackupRepository } from './repository.ts'
import { damaged, unpackWal } from './wal-object.ts'

/** Hands files of the log to a server that recovers. */
export interface WalFeed {
  /** For `restore_command`. */
  readonly command: string
  /** Files handed out so far. */
  readonly handed: number
  /** What went wrong: recovery ends then, and says less about it. */
  readonly failure: unknown
  stop(): Promise<void>
}

/** @see startWalFeed */
export interface WalFeedOptions {
  /** Made here; the server's user has to be able to reach it. */
  readonly directory: string
  readonly user: ChildUser | undefined
  readonly repository: BackupRepository
  readonly keys: LineageKeys
  /** All files that there are. */
  readonly wal: ReadonlySet<string>
  /** Those that will be asked for, in order: some are fetched ahead. */
  readonly segments: readonly string[]
  readonly clock: Clock
  readonly onHanded?: (handed: number) => void
}

/** Fetched before they are asked for; each takes 16 MiB of disk. */
const AHEAD = 8
const POLL_MS = 5

/**
 * Serves `restore_command`, a shell script that needs nothing but a shell: it names the file it wants, and waits for
 * it. Every file is checked before it is handed out. At most a few of them lie on the disk at a time, so that a long log
 * of almost empty segments does not fill it.
 */
export async function startWalFeed(options: WalFeedOptions): Promise<WalFeed> {
  const feed = new DirectoryFeed(options)
  await feed.open()
  return feed
}

class DirectoryFeed implements WalFeed {
  readonly #options: WalFeedOptions
  readonly #places: { readonly ready: string; readonly wanted: string; readonly list: string; readonly script: string }
  /** Where each segment comes in the order. */
  readonly #positions: ReadonlyMap<string, number>
  readonly #ready = new Set<string>()
  #next = 0
  #handed = 0
  #failure: unknown
  #isStopping = false
  #ended: Promise<void> = Promise.resolve()

  constructor(options: WalFeedOptions) {
    this.#options = options
    const { directory, segments } = options
    this.#positions = new Map(segments.map((name, position) => [name, position]))
    this.#places = {
      ready: join(directory, 'ready'),
      wanted: join(directory, 'wanted'),
      list: join(directory, 'list'),
      script: join(directory, 'fetch.sh'),
    }
  }

  get command(): string {
    return `/bin/sh ${quoted(this.#places.script)} "%f" "%p"`
  }

  get handed(): number {
    return this.#handed
  }

  get failure(): unknown {
    return this.#failure
  }

  async open(): Promise<void> {
    const { directory, user, wal } = this.#options
    for (const path of [directory, this.#places.ready, this.#places.wanted]) {
      await mkdir(path, { recursive: true })
      await chmod(path, 0o700)
      if (user !== undefined) await chown(path, user.uid, user.gid)
    }
    await this.#give(this.#places.list, [...wal, ''].join('\n'))
    await this.#give(this.#places.script, SCRIPT)
    this.#ended = this.#serve()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#ended
    await rm(this.#options.directory, { recursive: true, force: true })
  }

  async #serve(): Promise<void> {
    const { clock, segments } = this.#options
    try {
      while (!this.#isStopping) {
        const wanted = (await readdir(this.#places.wanted)).sort()
        for (const name of wanted) await this.#serveOne(name)
        const isAhead = this.#ready.size < AHEAD && this.#next < segments.length
        if (isAhead) await this.#fetch(segments[this.#next++]!)
        else await sleep(clock, POLL_MS)
      }
    } catch (error) {
      this.#failure = error
      // The script sees it and makes recovery end, instead of waiting for ever.
      await this.#give(join(this.#options.directory, 'failed'), '').catch(() => undefined)
    }
  }

  async #serveOne(name: string): Promise<void> {
    await this.#fetch(name)
    await rm(join(this.#places.wanted, name), { force: true })
    this.#options.onHanded?.(++this.#handed)
    // Whatever comes before it in the order will hardly be asked for again; if it is, it is fetched again.
    const position = this.#positions.get(name)
    if (position === undefined) return
    this.#next = Math.max(this.#next, position + 1)
    for (const old of this.#ready) {
      if (old === name || this.#positions.get(old)! >= position - 1) continue
      this.#ready.delete(old)
      await rm(join(this.#places.ready, old), { force: true })
    }
  }

  async #fetch(name: string): Promise<void> {
    if (this.#ready.has(name)) return
    const { repository, keys } = this.#options
    const key = keys.walObject(name)
    const object = await repository.read(key)
    if (object === undefined) throw damaged(key, 'it is gone')
    const file = await unpackWal(key, object)
    if (file.name !== name) throw damaged(key, `it is ${file.name}`)
    await this.#give(join(this.#places.ready, name), file.content)
    if (this.#positions.has(name)) this.#ready.add(name)
  }

  /** Appears whole. */
  async #give(path: string, content: string | Uint8Array): Promise<void> {
    const { user } = this.#options
    const aside = `${path}.part`
    await writeFile(aside, content, { mode: 0o600 })
    if (user !== undefined) await chown(aside, user.uid, user.gid)
    await rename(aside, path)
  }
}

/**
 * Exit code 1: the archive does not have it, which is how recovery finds the end. Above 125: something is wrong, and
 * recovery ends with an error. Each file is waited for half a minute; then whoever fetches is gone.
 */
const SCRIPT = `cd "$(dirname "$0")" || exit 200
to="$OLDPWD/$2"
grep -qxF "$1" list || exit 1
: > "wanted/$1" || exit 200
turns=0
while [ -e "wanted/$1" ]; do
  [ -e failed ] && exit 200
  turns=$((turns + 1))
  [ "$turns" -gt 3000 ] && exit 200
  sleep 0.01
done
cp "ready/$1" "$to"
`

function quoted(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`
}
