import { stripVTControlCharacters } from 'node:util'

/**
 * Rows as text in aligned columns; the first row is the heading. Columns whose every cell is a number are aligned
 * right.
 *
 * @example formatTable([['name', 'ready'], ['api', '3']]) // 'name  ready\napi       3'
 */
export function formatTable(rows: readonly (readonly string[])[], indent = ''): string {
  const [heading = [], ...body] = rows
  const widths = heading.map((_, column) => Math.max(...rows.map((row) => width(row[column] ?? ''))))
  const isNumeric = heading.map(
    (_, column) => body.length > 0 && body.every((row) => /^[\d.,]*\S{0,3}$/.test(plain(row[column] ?? ''))),
  )
  return rows
    .map((row) => row.map((cell, column) => pad(cell, widths[column]!, isNumeric[column]!)).join('  '))
    .map((line) => `${indent}${line.trimEnd()}`)
    .join('\n')
}

function pad(cell: string, columnWidth: number, isRight: boolean): string {
  const space = ' '.repeat(Math.max(0, columnWidth - width(cell)))
  return isRight ? space + cell : cell + space
}

function plain(cell: string): string {
  return stripVTControlCharacters(cell)
}

function width(cell: string): number {
  return plain(cell).length
}
