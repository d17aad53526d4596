import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { environmentDocument } from '../../src/core/environment-document.ts'
import { INSTANCE_VARIABLES, INTERNAL_VARIABLES, READ_VARIABLES } from '../../src/core/environment-variables.ts'
import { ROOT, sourceFiles, withoutComments } from '../tidy/source-files.ts'

const described = [...[...READ_VARIABLES, ...INSTANCE_VARIABLES].map(({ name }) => name), ...INTERNAL_VARIABLES]
const used = new Set(
  sourceFiles('src')
    .filter(({ path }) => !path.startsWith('src/core/environment-'))
    .flatMap(({ text }) => withoutComments(text).match(/\bTENFOLD_[A-Z_]*[A-Z]\b/g) ?? [])
    // An example in a message.
    .filter((name) => !/^TENFOLD_URL_./.test(name)),
)

test('every variable of ours that the sources name is described', () => {
  expect([...used].filter((name) => !described.includes(name))).toEqual([])
})

test('every variable of ours that is described is in the sources', () => {
  const own = described.filter((name) => /^TENFOLD_[A-Z_]+$/.test(name) && !name.startsWith('TENFOLD_URL'))
  expect(own.filter((name) => !used.has(name))).toEqual([])
})

test('docs/reference/environment.md is up to date: run "npm run docs"', () => {
  expect(readFileSync(join(ROOT, 'docs/reference/environment.md'), 'utf8')).toBe(environmentDocument())
})
