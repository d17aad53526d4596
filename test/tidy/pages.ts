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
  return [...text.matchAll(/^```(\S*)[^\n]*\n([\s\S]*?)^```/gm)].map((match) => ({
    page: path,
    line: text.slice(0, match.index).split('\n').length,
    language: match[1] as string,
    text: match[2] as string,
  }))
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
