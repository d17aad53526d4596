import { createHash } from 'node:crypto'
import type { Stats } from 'node:fs'
import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { contentType } from './content-type.ts'
import { isHashedName } from './static-path.ts'

/** A file as it is answered with. */
export interface StaticFile {
  readonly path: string
  readonly bytes: number
  /** Strong: the same content has the same, also in the next release. */
  readonly etag: string
  readonly type: string
  /** When this release was taken, as `Last-Modified` says it. */
  readonly modified: string
  /** Its name carries a hash of its content. */
  readonly isImmutable: boolean
  /** Compressed copies that were built beside it. */
  readonly encoded: readonly { readonly encoding: 'br' | 'gzip'; readonly path: string; readonly bytes: number }[]
}

/** The files of one release's directory, which never change. Its methods throw what a failing disk does. */
export interface StaticFileStore {
  /** The file with these segments; `'directory'` for a directory that has an `index.html`; undefined for none. */
  find(segments: readonly string[]): Promise<StaticFile | 'directory' | undefined>
}

/** Facts of so many files are remembered; the oldest are looked up again. */
const FILES_MAX = 5_000
/** The address of a larger one stands for its content: hashing it would keep the first request waiting. */
const HASHED_BYTES_MAX = 16 * 1024 ** 2
/** Not there, under a file, a circle of links, no name at all. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])
const ENCODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const

/** @param directory absolute; links that lead out of it are not followed */
export function createStaticFileStore(directory: string): StaticFileStore {
  const known = new Map<string, StaticFile>()
  let root: Promise<string> | undefined

  async function fileAt(path: string): Promise<StaticFile | 'directory' | undefined> {
    const remembered = known.get(path)
    if (remembered !== undefined) return remembered
    const stats = await statInside(path)
    if (stats?.isDirectory() === true) {
      return (await statInside(join(path, 'index.html')))?.isFile() === true ? 'directory' : undefined
    }
    if (stats?.isFile() !== true) return undefined
    const file = await describe(path, stats, statInside)
    known.set(path, file)
    if (known.size > FILES_MAX) known.delete(known.keys().next().value as string)
    return file
  }

  /** Undefined for what is not there, and for a link that leads out. */
  async function statInside(path: string): Promise<Stats | undefined> {
    try {
      root ??= realpath(directory)
      const [real, top] = await Promise.all([realpath(path), root])
      return real === top || real.startsWith(`${top}${sep}`) ? await stat(real) : undefined
    } catch (error) {
      root = undefined
      if (ABSENT.has((error as NodeJS.ErrnoException).code ?? '')) return undefined
      throw error
    }
  }

  return {
    async find(segments) {
      const isDirectory = segments.at(-1) === ''
      // Two slashes in a row are no name.
      if (segments.slice(0, -1).includes('')) return undefined
      if (!isDirectory) return fileAt(join(directory, ...segments))
      const index = await fileAt(join(directory, ...segments, 'index.html'))
      return index === 'directory' ? undefined : index
    },
  }
}

async function describe(
  path: string,
  { size: bytes, mtime }: Stats,
  statInside: (path: string) => Promise<Stats | undefined>,
): Promise<StaticFile> {
  const name = path.slice(path.lastIndexOf(sep) + 1)
  const encoded = []
  for (const [encoding, suffix] of ENCODINGS) {
    const stats = await statInside(`${path}${suffix}`)
    if (stats?.isFile() === true) encoded.push({ encoding, path: `${path}${suffix}`, bytes: stats.size })
  }
  return {
    path,
    bytes,
    etag: `"${await contentHash(path, bytes)}"`,
    type: contentType(name),
    modified: mtime.toUTCString(),
    isImmutable: isHashedName(name),
    encoded,
  }
}

async function contentHash(path: string, bytes: number): Promise<string> {
  const hash = createHash('sha256')
  if (bytes > HASHED_BYTES_MAX) hash.update(`${path} ${bytes}`)
  else await pipeline(createReadStream(path), hash)
  return hash.digest('base64url').slice(0, 22)
}
