import { describe, expect, test } from 'vitest'
import { failureView, resultJson, resultView } from '../../../src/cli/sql/result-view.ts'

const plain = (_: unknown, text: string): string => text
const rows = (columns: readonly string[], ...values: readonly (readonly unknown[])[]) => ({
  command: 'SELECT',
  columns,
  rows: values,
  rowCount: values.length,
})

describe('a result', () => {
  test('with rows is a table', () => {
    expect(resultView(rows(['id', 'name'], ['1', 'bread'], ['2', null]), plain)).toBe(
      'id  name\n 1  bread\n 2  null\n(2 rows)',
    )
  })

  test('without rows says what was done', () => {
    expect(resultView({ command: 'INSERT', columns: [], rows: [], rowCount: 3 }, plain)).toBe('INSERT 3')
    expect(resultView({ command: 'CREATE', columns: [], rows: [], rowCount: 0 }, plain)).toBe('CREATE')
  })

  test('keeps a row on its line, and the terminal as it is, whatever a value holds', () => {
    const view = resultView(rows(['x'], ['a\nb\x1b[2J'], ['y'.repeat(200)]), plain)
    expect(view).toContain('a↵b·[2J')
    expect(Math.max(...view.split('\n').map((line) => line.length))).toBe(80)
  })

  test('says when it shows only the first', () => {
    expect(resultView({ ...rows(['x'], ['1']), rowCount: 7 }, plain)).toContain('(7 rows, the first 1 shown)')
  })

  test('as JSON keeps columns of the same name apart, and numbers as they are', () => {
    expect(resultJson(rows(['id', 'id', 'raw'], [1, 2, Buffer.from([255])]))).toBe(
      '{"command":"SELECT","rowCount":1,"rows":[{"id":1,"id_2":2,"raw":"\\\\xff"}]}',
    )
  })
})

describe('a failure', () => {
  const error = Object.assign(new Error('column "é" does not exist'), { code: '42703', severity: 'ERROR' })

  test('shows where in the statement it is, in characters as the server counts them', () => {
    const statement = "select '😀',\n\té\nfrom t"
    const position = String([...statement].indexOf('é') + 1)
    expect(failureView(Object.assign(error, { position, hint: 'look' }), statement, plain)).toBe(
      'ERROR:  column "é" does not exist [42703]\nLINE 2:  é\n         ^\nHINT:  look',
    )
  })

  test('that is not of the server is its message', () => {
    expect(failureView(new Error('gone'), 'select 1', plain)).toBe('gone')
  })
})
