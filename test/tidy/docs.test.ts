import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { checkBlueprint } from '../../src/blueprint/check.ts'
import type { Problem } from '../../src/blueprint/problem.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { parseCommandLine } from '../../src/cli/parse-command-line.ts'
import { TenfoldError } from '../../src/core/errors.ts'
import { brokenLinks, codeBlocks, pages, isOnShop } from './pages.ts'
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
            .replaceAll(/"[^"]*"|'[^']*'/g, 'quoted')
            .trim()
            .split(/\s+/),
        ),
    )
    expect(wrong).toEqual([])
  })

  test('the map leads to every page', () => {
    const map = readFileSync(join(ROOT, 'docs/README.md'), 'utf8')
    const paths = pages()
      .map(({ path }) => path)
      .filter((path) => path.startsWith('docs/') && path !== 'docs/README.md')
    expect(paths.filter((path) => !map.includes(`](${path.slice('docs/'.length)}`))).toEqual([])
  })

  test('every shell block is run by a test, or says why not', () => {
    const shell = blocks.filter(({ language }) => ['sh', 'bash', 'shell', 'console'].includes(language))
    const silent = shell.filter(({ attributes }) => !('run' in attributes) && !attributes['not-run'])
    expect(silent.map(({ page, line }) => `${page}:${line}: write \`\`\`sh run, or \`\`\`sh not-run="reason"`)).toEqual(
      [],
    )
  })

  test('every output belongs to the shell block before it, which is run', () => {
    const lost = blocks.filter(
      ({ attributes, page }, index) =>
        'output' in attributes && !(blocks[index - 1]?.page === page && 'run' in blocks[index - 1]!.attributes),
    )
    expect(lost.map(({ page, line }) => `${page}:${line}`)).toEqual([])
  })

  test('every TypeScript block compiles, and every blueprint is right', { timeout: 60_000 }, async () => {
    const folder = join(ROOT, '.docs-snippets')
    await rm(folder, { recursive: true, force: true })
    const files = await writeSnippets(folder)
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
    const found = await promisify(execFile)(process.execPath, [compiler, '-p', folder], { cwd: ROOT }).catch(
      (error: { stdout?: string }) => ({ stdout: String(error.stdout) }),
    )
    expect(found.stdout).toBe('')

    const blueprints = files.filter(({ text }) => /defineSystem\([\s\S]*export default/.test(text))
    expect(blueprints.length).toBeGreaterThan(0)
    const wrong = await Promise.all(blueprints.map(async ({ file }) => ({ file, problems: await problemsOf(file) })))
    expect(wrong.filter(({ problems }) => problems.length > 0)).toEqual([])
  })
})

/** Each page has a directory, in which its blocks find each other. */
async function writeSnippets(folder: string): Promise<readonly { file: string; text: string }[]> {
  const files: { file: string; text: string }[] = []
  for (const page of pages()) {
    const typescript = codeBlocks(page).filter(({ language }) => language === 'ts' || language === 'typescript')
    if (typescript.length === 0) continue
    const directory = join(folder, page.path.replaceAll(/[^a-z0-9]+/gi, '-'))
    // Inside the checkout and not in node_modules, so that 'tenfold' is the package itself.
    await mkdir(directory, { recursive: true })
    if (isOnShop(page)) {
      await cp(join(ROOT, 'systems/shop'), directory, {
        recursive: true,
        filter: (path) => !path.includes('.tenfold/'),
      })
    }
    for (const { text, line, attributes } of typescript) {
      const file = join(directory, attributes['file'] ?? `line-${line}.ts`)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, text)
      files.push({ file, text })
    }
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../tsconfig.json', include: ['**/*.ts'] }))
  return files
}

/** What the check finds, but for files that a page does not show. */
async function problemsOf(file: string): Promise<readonly Problem[]> {
  const { default: system } = (await import(file)) as { default: unknown }
  try {
    checkBlueprint(system, { file })
    return []
  } catch (error) {
    if (!(error instanceof TenfoldError)) throw error
    const problems = error.details['problems'] as readonly Problem[]
    return problems.filter(({ message }) => !/^expected a (?:file|directory) at /.test(message))
  }
}

function isUnderstood(argv: readonly string[]): boolean {
  try {
    parseCommandLine(argv, COMMANDS)
    return true
  } catch {
    return false
  }
}
