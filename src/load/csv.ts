/**
 * The rows of a CSV text (RFC 4180): commas between cells, quotes around cells that hold commas, quotes (doubled) or
 * line breaks. Empty lines are left out.
 *
 * @throws SyntaxError with the row of a quote that is not closed, or of a cell that goes on after its quotes
 * @example parseCsv('id,name\n1,"Smith, Ann"\n') // [['id', 'name'], ['1', 'Smith, Ann']]
 */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = []
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n][^,\r\n]*|))(,|\r?\n|$)/gy
  let row: string[] = []
  cell.lastIndex = text.startsWith('\uFEFF') ? 1 : 0
  let at = cell.lastIndex
  while (at < text.length || row.length > 0) {
    const match = cell.exec(text)
    if (match === null) throw new SyntaxError(`expected a comma or a line end after a cell in row ${rows.length + 1}`)
    at = cell.lastIndex
    const [, quoted, plain = '', separator] = match
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (separator === ',') continue
    if (row.length > 1 || row[0] !== '') rows.push(row)
    row = []
  }
  return rows
}
