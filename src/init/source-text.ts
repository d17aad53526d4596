import { posix } from 'node:path'
import type { ProjectFiles } from './project-files.ts'

/** Where something stands in the sources. */
export interface Found {
  readonly path: string
  /** From 1. */
  readonly line: number
  readonly match: RegExpExecArray
}

const IMPORTED = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)['"`](\.{1,2}(?:\/[^'"`]*)?)['"`]/g
const ENDINGS = ['', '.ts', '.js', '.mjs', '.cjs', '.mts', '.cts', '/index.ts', '/index.js']
const FILES_MAX = 80

/** A file and the files of the project that it imports, the nearest first. */
export function withImports(files: ProjectFiles, entry: string): readonly string[] {
  const seen = new Set<string>(files.texts.has(entry) ? [entry] : [])
  for (const path of seen) {
    if (seen.size >= FILES_MAX) break
    for (const [, target = ''] of withoutComments(files.texts.get(path) ?? '').matchAll(IMPORTED)) {
      const imported = resolveModule(files, posix.join(posix.dirname(path), target))
      if (imported !== undefined) seen.add(imported)
    }
  }
  return [...seen]
}

/** The source file of a module named as Node and compilers allow: `./www`, `./app` for app.ts, `./app.js` for app.ts. */
export function resolveModule(files: ProjectFiles, path: string): string | undefined {
  const plain = posix.normalize(path).replace(/\/$/, '')
  const typescript = plain.replace(/\.([cm]?)js$/, '.$1ts')
  return [...ENDINGS.map((ending) => plain + ending), typescript].find((name) => files.texts.has(name))
}

/** The first place of any of the files, in their order, that matches. Comments don't count. */
export function findFirst(files: ProjectFiles, paths: readonly string[], pattern: RegExp): Found | undefined {
  for (const path of paths) {
    const text = withoutComments(files.texts.get(path) ?? '')
    const match = new RegExp(pattern.source, pattern.flags.replace('g', '')).exec(text)
    if (match !== null) return { path, line: text.slice(0, match.index).split('\n').length, match }
  }
  return undefined
}

/** The text with its comments blank; lines stay lines. Near enough: a URL in quotes stays whole. */
export function withoutComments(text: string): string {
  return text
    .replaceAll(/\/\*[^]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
    .replaceAll(/(^|[^:'"`\\/])\/\/.*$/gm, '$1')
    .replaceAll(/^\s*#.*$/gm, '')
}

/** `server.js:12`. */
export function placeOf({ path, line }: Found): string {
  return `${path}:${line}`
}
