import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { parseCommandLine } from '../../src/cli/parse-command-line.ts'
import { brokenLinks, codeBlocks, pages } from './pages.ts'
import { ROOT } from './source-files.ts'

const blocks = pages().flatMap(codeBlocks)

describe('documentation', () => {
  test('every link leads to a file', () => {
    expect(pages().flatMap(brokenLinks)).toEqual([])
  })

  test('every command line is one that tenfold understands', () => {
    const lines = blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ page, text }) => text.split('\n').map((line) => ({ page, line })))
      .map(({ page, line }) => ({ page, arguments: /(?:npx tenfold|npm run tenfold --)\s+([^#|&>]*)/.exec(line)?.[1] }))
      .filter((found) => found.arguments !== undefined)
    expect(lines.length).toBeGreaterThan(0)
    const wrong = lines.filter(
      ({ arguments: text }) =>
        !isUnderstood(
          text!
            .replaceAll(/'[^']*'/g, 'quoted')
            .trim()
            .split(/\s+/),
        ),
    )
    expect(wrong).toEqual([])
  })

  test('every TypeScript block compiles against the sources', { timeout: 60_000 }, async () => {
    const folder = join(ROOT, '.docs-snippets')
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
    const typescript = blocks.filter(({ language }) => language === 'ts')
    const names = typescript.map(({ page, line }) => `${page.replaceAll(/[^a-z0-9]+/gi, '-')}-${line}.ts`)
    // Inside the checkout and not in node_modules, so that 'tenfold' is the package itself.
    await Promise.all(typescript.map(({ text }, index) => writeFile(join(folder, names[index]!), text)))
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: '../tsconfig.json',
        include: ['*.ts'],
      }),
    )
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
    const found = await promisify(execFile)(process.execPath, [compiler, '-p', folder], { cwd: ROOT }).catch(
      (error: { stdout?: string }) => ({ stdout: String(error.stdout) }),
    )
    expect(found.stdout).toBe('')
  })
})

function isUnderstood(argv: readonly string[]): boolean {
  try {
    parseCommandLine(argv, COMMANDS)
    return true
  } catch {
    return false
  }
}
