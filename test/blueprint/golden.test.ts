import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Loaded } from './load-all.ts'
import { loadAll } from './load-all.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
const GOLDEN = join(HERE, 'golden')
const RESULT = '=== result\n'

/** A case is files, what is loaded and the text that the user sees; `UPDATE_GOLDEN=1` writes that text anew. */
interface Case {
  readonly name: string
  readonly input: string
  readonly expected: string
  readonly directory: string
  readonly target: string
}

const names = (await readdir(GOLDEN)).filter((name) => name.endsWith('.txt')).toSorted()
const shown = new Map<string, { readonly testCase: Case; readonly text: string }>()
let root: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tenfold golden '))
  const cases = await Promise.all(names.map(writeCase))
  const results = await loadAll(cases.map(({ directory, target }) => [join(directory, target)] as const))
  for (const [index, testCase] of cases.entries()) {
    const text = textOf(results[index] as Loaded).replaceAll(testCase.directory, 'DIR')
    shown.set(testCase.name, { testCase, text })
    if (process.env['UPDATE_GOLDEN'] === '1') {
      await writeFile(join(GOLDEN, testCase.name), `${testCase.input}${RESULT}${text}`)
    }
  }
}, 30_000)
afterAll(() => rm(root, { recursive: true }))

describe('a blueprint with a mistake is refused with where, what and what to do', () => {
  test.each(names)('%s', (name) => {
    const { testCase, text } = shown.get(name)!
    expect(text).toBe(process.env['UPDATE_GOLDEN'] === '1' ? text : testCase.expected)
    expect(text).not.toMatch(/TF_INTERNAL|TypeError|undefined|hunter2|sk live/)
  })
})

async function writeCase(name: string): Promise<Case> {
  const [input = '', expected = ''] = (await readFile(join(GOLDEN, name), 'utf8')).split(RESULT)
  const directory = join(root, name.replace('.txt', ''))
  await mkdir(directory)
  const parts = input.split(/^=== (.*)\n/m).slice(1)
  const target = parts.find((part) => part.startsWith('load '))?.slice('load '.length) ?? '.'
  for (let i = 0; i < parts.length; i += 2) {
    const [path = '', text = ''] = parts.slice(i, i + 2)
    if (path.startsWith('load ')) continue
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
  }
  return { name, input, expected, directory, target }
}

function textOf({ error }: Loaded): string {
  return error === undefined ? 'no error\n' : `${error.code}: ${error.message}\n\nhint: ${error.hint}\n`
}
