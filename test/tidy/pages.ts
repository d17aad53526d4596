import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './source-files.ts'

export interface Page {
  /** Relative to the root. */
  readonly path: string
  readonly text: string
}

/** A fenced block of a page. */
export interface CodeBlock {
  readonly page: string
  readonly line: number
  readonly language: string
  /** What stands behind the language, which readers do not see: `run`, `not-run="…"`, `output`, `file=server.js`. */
  readonly attributes: Readonly<Record<string, string>>
  readonly text: string
}

/** Every Markdown page of the repository that people read. */
export function pages(): readonly Page[] {
  const inFolders = ['docs', 'systems'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.md') && !/node_modules|\.tenfold/.test(path))
      .map((path) => `${folder}/${path}`),
  )
  const atRoot = readdirSync(ROOT).filter((path) => path.endsWith('.md'))
  return [...atRoot, ...inFolders].map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

/** The fenced blocks of a page. */
export function codeBlocks({ path, text }: Page): readonly CodeBlock[] {
  return [...text.matchAll(/^```(\S*)([^\n]*)\n([\s\S]*?)^```/gm)].map((match) => ({
    page: path,
    line: text.slice(0, match.index).split('\n').length,
    language: match[1] as string,
    attributes: attributesOf(match[2] as string),
    text: match[3] as string,
  }))
}

function attributesOf(text: string): Readonly<Record<string, string>> {
  const found = [...text.matchAll(/([\w-]+)(?:=(?:"([^"]*)"|(\S+)))?/g)]
  return Object.fromEntries(found.map(([, name = '', quoted, bare = '']) => [name, quoted ?? bare]))
}

/**
 * Whether the blocks of a page are tried on the running system of `systems/shop`, together with other pages: it says so
 * in a comment, `<!-- try: shop -->`. Others are tried in an empty directory.
 */
export function isOnShop({ text }: Page): boolean {
  return /^<!-- try: shop -->$/m.test(text)
}

/** Links of a page to files that are not there. */
export function brokenLinks({ path, text }: Page): readonly string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '')
  return [...prose.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)]
    .map((match) => match[1] as string)
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => !existsSync(join(ROOT, path, '..', target)))
    .map((target) => `${path}: ${target}`)
}
