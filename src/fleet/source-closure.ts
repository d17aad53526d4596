import { lstat, readFile, stat } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'

/** The code that a module consists of, as far as its text tells. */
export interface SourceClosure {
  /** Files, absolute: the module and all that it names by a relative path, and so on. */
  readonly files: ReadonlySet<string>
  /** False where it may load more than `files`: a package of the same workspace, a name that is computed. */
  readonly isComplete: boolean
}

const CODE = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs']
const FILES_MAX = 2_000
const BYTES_MAX = 4 * 1024 ** 2

/** Whether a file is code, which is run only by who names it; anything else may be read by any program. */
export function isCode(file: string): boolean {
  return CODE.includes(extname(file))
}

/**
 * Follows the relative paths in quotes from a module on, whatever they are there for: an import, a worker, a template.
 * That takes in too much rather than too little.
 */
export async function sourceClosure(entry: string): Promise<SourceClosure> {
  const files = new Set<string>([entry])
  let isComplete = true
  for (const file of files) {
    if (files.size > FILES_MAX) return { files, isComplete: false }
    if (!isCode(file)) continue
    const text = await readFile(file, 'utf8').catch(() => undefined)
    // A file that is named and not there yet may come.
    if (text === undefined) continue
    if (text.length > BYTES_MAX || /\b(?:import|require)\s*\(\s*(?!['"])/.test(text)) isComplete = false
    for (const name of relativeNames(text)) files.add(await fileOf(resolve(dirname(file), name)))
    for (const name of packageNames(text)) isComplete &&= await isInstalled(name, dirname(file))
  }
  return { files, isComplete }
}

function relativeNames(text: string): readonly string[] {
  return [...text.matchAll(/['"`](\.{1,2}\/[^'"`\n$]+)['"`]/g)].map(([, name]) => name as string)
}

/** What is imported by name; `node:fs` and the like are nobody's sources. */
function packageNames(text: string): readonly string[] {
  return [...text.matchAll(/\b(?:from|import|require\()\s*['"]([^.'"/][^'"]*)['"]/g)]
    .map(([, name]) => name as string)
    .filter((name) => !name.startsWith('node:'))
}

/** CommonJS leaves extensions out. */
async function fileOf(path: string): Promise<string> {
  for (const candidate of [path, ...CODE.map((extension) => `${path}${extension}`), join(path, 'index.js')]) {
    if ((await stat(candidate).catch(() => undefined))?.isFile() === true) return candidate
  }
  return path
}

/** A package that an installer put there, not one that is linked to sources, nor this one by its own name. */
async function isInstalled(specifier: string, from: string): Promise<boolean> {
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  for (let directory = from; ; directory = dirname(directory)) {
    const found = await lstat(join(directory, 'node_modules', name)).catch(() => undefined)
    if (found !== undefined) return found.isDirectory()
    // A module of Node, or nothing that could be resolved.
    if (directory === dirname(directory)) return !specifier.startsWith('#') && isBuiltIn(name)
  }
}

function isBuiltIn(name: string): boolean {
  return process.getBuiltinModule(name) !== undefined
}
