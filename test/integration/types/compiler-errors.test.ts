import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT } from '../../tidy/source-files.ts'

const MISTAKES = join(ROOT, 'test/types')
const COMPILING_MAX_MS = 110_000
const SHOWN_MAX = 200
const CONFIG = {
  extends: join(ROOT, 'tsconfig.json'),
  compilerOptions: {
    types: [],
    paths: { tenfold: [join(ROOT, 'src/index.ts')], 'tenfold/service': [join(ROOT, 'src/service/index.ts')] },
    rewriteRelativeImportExtensions: false,
    allowImportingTsExtensions: true,
  },
  files: ['mistakes.ts', 'docs/tenfold.config.ts', 'docs/services/web.ts'],
}

let directory: string
let marked: string
let source: string
let report: string

// One run of the compiler for everything, since its start is what takes the time.
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tenfold types '))
  marked = await readFile(join(MISTAKES, 'mistakes.ts'), 'utf8')
  source = marked
    .replaceAll(/^\s*\/\/ @ts-expect-error\n/gm, '')
    .replaceAll(/from '(\.[^']+)'/g, (_, path: string) => `from ${JSON.stringify(join(MISTAKES, path))}`)
  const [blueprint = '', service = ''] = await codeIn('docs/concepts/blueprint.md')
  await mkdir(join(directory, 'docs/services'), { recursive: true })
  await Promise.all([
    writeFile(join(directory, 'mistakes.ts'), source),
    writeFile(join(directory, 'docs/tenfold.config.ts'), blueprint),
    writeFile(join(directory, 'docs/services/web.ts'), service),
    writeFile(join(directory, 'tsconfig.json'), JSON.stringify(CONFIG)),
    writeFile(join(directory, 'package.json'), JSON.stringify({ type: 'module' })),
  ])
  report = await diagnose(directory)
}, COMPILING_MAX_MS)
afterAll(() => rm(directory, { recursive: true }))

/**
 * `npm run types` holds each mistake to its line; this holds it to the token and to what the reader sees. After a change
 * that is meant, `vitest run test/integration/types -u` writes the file anew: read the difference.
 */
test('each mistake is reported on the token that is wrong', async () => {
  const lines = source.split('\n')
  const seen = [...report.matchAll(/^mistakes\.ts\((\d+),(\d+)\): error (TS\d+): (.*)$/gm)].map(
    ([, line, column, code, message = '']) =>
      `${tokenAt(lines[Number(line) - 1] as string, Number(column))}\n    ${code} ${message.slice(0, SHOWN_MAX)}`,
  )
  expect(new Set(report.match(/^mistakes\.ts\(\d+/gm)).size).toBe(marked.match(/@ts-expect-error/g)?.length)
  await expect(`${seen.join('\n')}\n`).toMatchFileSnapshot('golden/mistakes.txt')
})

test('the blueprint and the service of the concept page compile together', () => {
  expect(report.match(/^docs\/.*$/gm)).toBeNull()
})

/** Blocks marked `ts` stand alone; `typescript` is one that imports its neighbour, so that only this test can compile it. */
async function codeIn(page: string): Promise<readonly string[]> {
  const text = await readFile(join(ROOT, page), 'utf8')
  return [...text.matchAll(/^```(?:ts|typescript)\n(.*?)^```$/gms)].map(([, code = '']) => code)
}

async function diagnose(cwd: string): Promise<string> {
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const options = { cwd, timeout: COMPILING_MAX_MS, maxBuffer: 16 * 1024 ** 2 }
  const run = promisify(execFile)(process.execPath, [compiler, '-p', '.', '--pretty', 'false'], options)
  return run.then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout ?? '',
  )
}

/** The name, or the text in quotes, that starts at a column counted from one. */
function tokenAt(line: string, column: number): string {
  return /^(?:'[^']*'|[\w$]+|.)/.exec(line.slice(column - 1))?.[0] ?? ''
}
