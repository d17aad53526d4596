import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sourceClosure } from '../../src/fleet/source-closure.ts'
import { temporaryDirectory, writeTree } from './temporary-directory.ts'

async function closureOf(files: Readonly<Record<string, string>>): Promise<{ files: string[]; isComplete: boolean }> {
  const root = await temporaryDirectory()
  writeTree(root, files)
  await mkdir(join(root, 'node_modules/installed'), { recursive: true })
  await symlink('../packages/linked', join(root, 'node_modules/linked'))
  const closure = await sourceClosure(join(root, 'api.ts'))
  return { files: [...closure.files].map((file) => file.slice(root.length + 1)).sort(), isComplete: closure.isComplete }
}

test('follows imports, workers and whatever else is named by a relative path', async () => {
  const found = await closureOf({
    'api.ts': `import a from './a.ts'\nnew Worker(new URL('./lib/worker.ts', import.meta.url))\nread("../outside.txt")`,
    'a.ts': `export * from './lib/b'`,
    'lib/b.js': `import '../a.ts'`,
    'lib/worker.ts': '',
    'unused.ts': '',
  })
  expect(found.isComplete).toBe(true)
  expect(found.files).toEqual(expect.arrayContaining(['a.ts', 'api.ts', 'lib/b.js', 'lib/worker.ts']))
  expect(found.files).not.toContain('unused.ts')
})

test.each([
  ['installed packages and modules of Node', `import 'installed'; import { x } from 'node:fs'; import 'fs'`, true],
  ['a package that is linked to sources', `import 'linked'`, false],
  ['an import of the package itself', `import '#shared'`, false],
  ['a package that is not there', `import 'missing'`, false],
  ['a name that is computed', `await import(name)`, false],
])('with %s', async (_, text, isComplete) => {
  expect((await closureOf({ 'api.ts': text })).isComplete).toBe(isComplete)
})
