import { expect, test } from 'vitest'
import { formatTable } from '../../src/core/table.ts'

test('aligns text left and numbers right, and measures without colours', () => {
  const rows = [
    ['name', 'ready', 'note'],
    ['\u001b[32mapi\u001b[39m', '3', 'well'],
    ['recommender', '12', ''],
  ]
  expect(formatTable(rows)).toBe(
    ['name         ready  note', '\u001b[32mapi\u001b[39m              3  well', 'recommender     12'].join('\n'),
  )
})
