import type { Dirent } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

/** What is looked at of a project. Paths are relative, with `/`. */
export interface ProjectFiles {
  /** The name of its directory. */
  readonly directoryName: string
  /** Every file that was seen, and every directory, with a slash at its end. */
  readonly paths: ReadonlySet<string>
  /** The content of files that may say something: sources, manifests. */
  readonly texts: ReadonlyMap<string, string>
  /** Programs of its installed dependencies: the names in `node_modules/.bin`. */
  readonly programs: ReadonlySet<string>
}

const FILES_MAX = 4_000
const TEXTS_MAX = 600
const TEXT_BYTES_MAX = 256 * 1024
const DEPTH_MAX = 6
/** Directories in which nobody's sources are. */
const LEFT_OUT = /^(?:node_modules|coverage|vendor|venv|__pycache__|public|static|\..*)$/
const SOURCE = /(?:^|\/)(?:package\.json|tsconfig[^/]*\.json|Procfile|\.env|bin\/[^./]+|[^/]+\.(?:[cm]?[jt]s|py))$/

/**
 * Reads a project: the nearest files first, within limits, so that a directory of any size takes a moment. What can't
 * be read is as if it were not there.
 *
 * @param filesMax how many files and directories are looked at
 */
export async function readProject(directory: string, filesMax: number = FILES_MAX): Promise<ProjectFiles> {
  const paths = await listFiles(directory, filesMax)
  const texts = new Map<string, string>()
  for (const path of paths) {
    if (texts.size === TEXTS_MAX) break
    if (!SOURCE.test(path)) continue
    const text = await readSmall(join(directory, path))
    if (text !== undefined) texts.set(path, text)
  }
  return {
    directoryName: basename(directory),
    paths: new Set(paths),
    texts,
    programs: new Set(await readdir(join(directory, 'node_modules/.bin')).catch(() => [])),
  }
}

/** Level by level, in alphabetical order: what is near the top is seen even where there is too much. */
async function listFiles(directory: string, filesMax: number): Promise<readonly string[]> {
  const found: string[] = []
  let level = ['']
  for (let depth = 0; depth < DEPTH_MAX && level.length > 0; depth++) {
    const next: string[] = []
    for (const parent of level) {
      const entries = await readdir(join(directory, parent), { withFileTypes: true }).catch((): Dirent[] => [])
      for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
        const path = parent === '' ? entry.name : `${parent}/${entry.name}`
        found.push(entry.isDirectory() ? `${path}/` : path)
        if (entry.isDirectory() && !LEFT_OUT.test(entry.name)) next.push(path)
        if (found.length === filesMax) return found
      }
    }
    level = next
  }
  return found
}

async function readSmall(file: string): Promise<string | undefined> {
  try {
    const found = await stat(file)
    if (!found.isFile() || found.size > TEXT_BYTES_MAX) return undefined
    return await readFile(file, 'utf8')
  } catch {
    return undefined
  }
}
