import { lineAt } from '../../clusters/sql-statements.ts'
import { messageOf } from '../../core/errors.ts'
import { formatTable } from '../../core/table.ts'
import type { ConsoleResult } from '../../sql/console-session.ts'
import { isServerError } from '../../sql/sql-failure.ts'
import type { Terminal } from '../terminal.ts'

/** A value wider than this is cut in tables; `--json` has all of it. */
const CELL_MAX = 80

/** A result as a person reads it. */
export function resultView({ command, columns, rows, rowCount }: ConsoleResult, style: Terminal['style']): string {
  if (columns.length === 0) return rowCount === 0 ? command : `${command} ${rowCount}`
  const heading = columns.map((name) => style('bold', name))
  const body = rows.map((row) => row.map((value) => (value === null ? style('dim', 'null') : cell(String(value)))))
  const left = rowCount - rows.length
  const total = `(${rowCount} row${rowCount === 1 ? '' : 's'}${left > 0 ? `, the first ${rows.length} shown` : ''})`
  return `${formatTable([heading, ...body])}\n${style('dim', total)}`
}

/** A result as one line for programs; columns of the same name get a number. */
export function resultJson({ command, columns, rows, rowCount }: ConsoleResult): string {
  const names = columns.map((name, index) => {
    const before = columns.slice(0, index).filter((other) => other === name).length
    return before === 0 ? name : `${name}_${before + 1}`
  })
  const objects = rows.map((row) => Object.fromEntries(row.map((value, index) => [names[index], plain(value)])))
  return JSON.stringify({ command, rowCount, ...(columns.length === 0 ? {} : { rows: objects }) })
}

/** What the server said about a statement that failed, and where in it. */
export function failureView(error: unknown, statement: string, style: Terminal['style']): string {
  if (!isServerError(error)) return style('red', messageOf(error))
  const lines = [`${style('red', `${error.severity}:`)}  ${error.message} ${style('dim', `[${error.code}]`)}`]
  if (error.position !== undefined) lines.push(...place(statement, Number(error.position) - 1))
  if (error.detail !== undefined) lines.push(`DETAIL:  ${error.detail}`)
  if (error.hint !== undefined) lines.push(`HINT:  ${error.hint}`)
  return lines.join('\n')
}

/** The line of an offset, with a mark below it. */
function place(statement: string, offset: number): readonly string[] {
  // The server counts characters, we count units of UTF-16.
  const at = [...statement].slice(0, offset).join('').length
  const start = statement.lastIndexOf('\n', at - 1) + 1
  const end = statement.indexOf('\n', at)
  const label = `LINE ${lineAt(statement, at)}: `
  const line = statement.slice(start, end === -1 ? undefined : end).replaceAll('\t', ' ')
  return [`${label}${line}`, `${' '.repeat(label.length + at - start)}^`]
}

/** On one line, whatever is in it. */
function cell(text: string): string {
  const line = text.replaceAll('\n', '↵').replaceAll(/\p{Cc}/gu, '·')
  return line.length > CELL_MAX ? `${line.slice(0, CELL_MAX - 1)}…` : line
}

function plain(value: unknown): unknown {
  return Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : value
}
