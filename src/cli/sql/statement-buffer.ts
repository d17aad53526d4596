import { splitStatements } from '../../clusters/sql-statements.ts'

/** Lines on their way to being statements. */
export interface StatementBuffer {
  /** Takes a line; gives the statements that it completes. */
  take(line: string): readonly string[]
  /** Whether a statement has begun and not ended. */
  readonly isOpen: boolean
  /** Forgets what has begun. */
  clear(): void
  /** What is left, without a semicolon at its end. */
  rest(): readonly string[]
}

/** A statement ends at its semicolon, however many lines it has. */
export function createStatementBuffer(): StatementBuffer {
  let text = ''
  return {
    get isOpen() {
      return splitStatements(text).length > 0
    },
    take(line) {
      text += `${line}\n`
      if (!endsComplete(text)) return []
      const statements = splitStatements(text).map((statement) => statement.text)
      text = ''
      return statements
    },
    clear() {
      text = ''
    },
    rest: () => splitStatements(text).map((statement) => statement.text),
  }
}

/** Whether what follows would be a statement of its own: no statement, quote or comment is open. */
function endsComplete(text: string): boolean {
  const next = splitStatements(`${text}\nnext`)
  return next.at(-1)?.text === 'next'
}
