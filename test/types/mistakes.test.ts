import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const HERE = dirname(fileURLToPath(import.meta.url))
const ROOT = join(HERE, '../..')
const SHOWN_MAX = 200

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tenfold types '))
})
afterAll(() => rm(directory, { recursive: true }))

/**
 * `npm run types` holds each mistake to its line; this holds it to the token and to what the reader sees. After a change
 * that is meant, `vitest run test/types -u` writes the file anew: read the difference.
 */
test('each mistake is reported on the token that is wrong', { timeout: 30_000 }, async () => {
  const marked = await readFile(join(HERE, 'mistakes.ts'), 'utf8')
  const source = marked
    .replaceAll(/^\s*\/\/ @ts-expect-error\n/gm, '')
    .replaceAll(/from '(\.[^']+)'/g, (_, path: string) => `from ${JSON.stringify(join(HERE, path))}`)
  await writeFile(join(directory, 'mistakes.ts'), source)
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: { types: [], rewriteRelativeImportExtensions: false, allowImportingTsExtensions: true },
    files: ['mistakes.ts'],
  }
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(config))
  await writeFile(join(directory, 'package.json'), JSON.stringify({ type: 'module' }))

  const report = await diagnose(directory)
  const lines = source.split('\n')
  const seen = [...report.matchAll(/^mistakes\.ts\((\d+),(\d+)\): error (TS\d+): (.*)$/gm)].map(
    ([, line, column, code, message = '']) =>
      `${tokenAt(lines[Number(line) - 1] as string, Number(column))}\n    ${code} ${message.slice(0, SHOWN_MAX)}`,
  )

  expect(new Set(report.match(/^mistakes\.ts\(\d+/gm)).size).toBe(marked.match(/@ts-expect-error/g)?.length)
  await expect(`${seen.join('\n')}\n`).toMatchFileSnapshot('golden/mistakes.txt')
})

async function diagnose(cwd: string): Promise<string> {
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const run = promisify(execFile)(process.execPath, [compiler, '-p', '.', '--pretty', 'false'], {
    cwd,
    timeout: 25_000,
  })
  return run.then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout ?? '',
  )
}

/** The name, or the text in quotes, that starts at a column counted from one. */
function tokenAt(line: string, column: number): string {
  return /^(?:'[^']*'|[\w$]+|.)/.exec(line.slice(column - 1))?.[0] ?? ''
}
