import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createStatementBuffer } from '../../../src/cli/sql/statement-buffer.ts'

test('gives a statement when its semicolon comes, over as many lines as it has', () => {
  const buffer = createStatementBuffer()
  expect(buffer.take('select')).toEqual([])
  expect(buffer.isOpen).toBe(true)
  expect(buffer.take('  1;')).toEqual(['select\n  1'])
  expect(buffer.isOpen).toBe(false)
})

test('gives several statements of one line, and keeps none of them', () => {
  const buffer = createStatementBuffer()
  expect(buffer.take('select 1; select 2;')).toEqual(['select 1', 'select 2'])
  expect(buffer.rest()).toEqual([])
})

test.each(["select ';", 'select ";', 'select $$;', 'select 1 /* ;', 'select (1;'])('%s goes on', (line) => {
  const buffer = createStatementBuffer()
  expect(buffer.take(line)).toEqual([])
  expect(buffer.rest()).toHaveLength(1)
})

test('forgets what has begun', () => {
  const buffer = createStatementBuffer()
  buffer.take("select 'open")
  buffer.clear()
  expect(buffer.take('select 1;')).toEqual(['select 1'])
})

test('gives the same statements however the text is cut into lines', () => {
  const statement = fc.constantFrom('select 1', "select ';'", 'select $x$;$x$', 'select (1)', 'select 1 -- ;\n')
  fc.assert(
    fc.property(fc.array(statement, { minLength: 1, maxLength: 5 }), fc.constantFrom('\n', ' '), (statements, gap) => {
      const buffer = createStatementBuffer()
      const text = statements.map((each) => `${each};`).join(gap)
      const given = text.split('\n').flatMap((line) => buffer.take(line))
      expect(given).toHaveLength(statements.length)
      expect(buffer.isOpen).toBe(false)
    }),
  )
})
