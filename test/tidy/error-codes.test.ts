import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errorCodesDocument } from '../../src/core/error-codes-document.ts'
import { ERROR_CODES } from '../../src/core/error-codes.ts'
import { ROOT, sourceFiles, withoutComments } from './source-files.ts'

const table = 'src/core/error-codes.ts'
const used = new Set(
  sourceFiles('src')
    .filter(({ path }) => path !== table)
    .flatMap(({ text }) => withoutComments(text).match(/\bTF_[A-Z0-9_]*[A-Z0-9]\b/g) ?? []),
)

describe('error codes', () => {
  test('every code that src uses is described', () => {
    expect([...used].filter((code) => !(code in ERROR_CODES))).toEqual([])
  })

  test('every code that is described is used', () => {
    expect(Object.keys(ERROR_CODES).filter((code) => !used.has(code))).toEqual([])
  })

  test('codes are in alphabetical order', () => {
    expect(Object.keys(ERROR_CODES)).toEqual(Object.keys(ERROR_CODES).toSorted())
  })

  test('docs/errors.md is up to date: run "npm run docs"', () => {
    expect(readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')).toBe(errorCodesDocument())
  })
})
