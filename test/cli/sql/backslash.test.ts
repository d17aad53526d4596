import { expect, test } from 'vitest'
import { readBackslash } from '../../../src/cli/sql/backslash.ts'

test('statements are not meant', () => {
  expect(readBackslash('select 1;')).toBeUndefined()
})

test('leaves, lists, describes and explains', () => {
  expect(readBackslash('\\q')).toEqual({ kind: 'quit' })
  expect(readBackslash(' \\d ')).toMatchObject({ kind: 'statement', text: expect.stringContaining('pg_class') })
  expect(readBackslash('\\d orders;')).toMatchObject({ text: expect.stringContaining("'orders'::regclass") })
  expect(readBackslash('\\?')).toMatchObject({ kind: 'text' })
  expect(readBackslash('\\x')).toMatchObject({ text: expect.stringContaining('There is no \\x here.') })
})

test('a name is a name, whatever it holds', () => {
  expect(readBackslash("\\d o'clock")).toMatchObject({ text: expect.stringContaining("'o''clock'::regclass") })
})
