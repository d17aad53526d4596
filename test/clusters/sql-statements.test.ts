import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lineAt, splitStatements, transactionControl } from '../../src/clusters/sql-statements.ts'

const textsOf = (sql: string): readonly string[] => splitStatements(sql).map(({ text }) => text)

describe('splitting SQL', () => {
  test('finds each statement and its first line', () => {
    expect(splitStatements('-- head\nselect 1;\n\n/* two */ select\n 2 ;;\n')).toEqual([
      { text: 'select 1', line: 2 },
      { text: 'select\n 2', line: 4 },
    ])
  })

  test.each([
    ['a string', `select ';', 'it''s;'`],
    ['a string with escapes', String.raw`select E'\';', e'\\'`],
    ['a quoted name', 'select 1 as "a;""b"'],
    ['a dollar quote', 'do $$ begin; end $$'],
    ['a tagged dollar quote', 'do $x$ $$;$y$; $x$'],
    ['a comment', 'select 1 -- ;\n + 1'],
    ['a nested comment', 'select /* ; /* ; */ ; */ 1'],
    ['parentheses', 'create rule r as on insert to t do (select 1; select 2)'],
    ['a function body', 'create function f() returns int begin atomic select case when true then 1 end; select 2; end'],
    ['a replaced procedure', 'create or replace procedure p() begin atomic select 1; end'],
    ['parameters and dollars in names', 'select $1, a$b$c'],
  ])('leaves a semicolon in %s alone', (_, statement) => {
    expect(textsOf(`${statement};select 3;`)).toEqual([statement, 'select 3'])
  })

  test('a backslash in a plain string is only a backslash', () => {
    expect(textsOf(String.raw`select '\'; select 2`)).toEqual([String.raw`select '\'`, 'select 2'])
  })

  test('BEGIN outside a routine opens no body', () => {
    expect(textsOf('begin; select 1; end')).toEqual(['begin', 'select 1', 'end'])
  })

  test('does not lose the tail of a text that never closes its quote', () => {
    expect(textsOf(`select 1; select 'abc; select 2`)).toEqual(['select 1', `select 'abc; select 2`])
  })

  test('skips a byte order mark', () => {
    expect(splitStatements('\uFEFFselect 1')).toEqual([{ text: 'select 1', line: 1 }])
  })

  test('finds the statements of any list that was joined by semicolons', () => {
    const piece = fc.constantFrom(
      `'a;b'`,
      '"c;d"',
      '$$;$$',
      '$t$;$$;$t$',
      '/*;*/',
      '(1;2)',
      'word',
      '\n',
      '42',
      "E'\\';'",
    )
    const statement = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => `select ${pieces.join(' ')}`)
    fc.assert(
      fc.property(fc.array(statement, { maxLength: 6 }), (statements) => {
        expect(textsOf(statements.join(';\n'))).toEqual(statements.map((text) => text.trimEnd()))
      }),
    )
  })

  test('counts lines from one', () => {
    expect(['a', 'a\nb', '\n\na'].map((text) => lineAt(text, text.length - 1))).toEqual([1, 2, 3])
  })

  test.each(['begin', 'COMMIT', 'start  transaction', 'rollback', 'end', 'abort', "prepare transaction 'x'"])(
    'sees that "%s" controls the transaction',
    (statement) => {
      expect(transactionControl(statement)).toBeDefined()
    },
  )

  test.each([
    'savepoint a',
    'rollback to savepoint a',
    'rollback work to a',
    'release a',
    'select 1',
    'begins',
    'prepare x as select 1',
  ])('leaves "%s" alone', (statement) => {
    expect(transactionControl(statement)).toBeUndefined()
  })
})
