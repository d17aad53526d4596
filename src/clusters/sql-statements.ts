/** One statement of an SQL text. */
export interface SqlStatement {
  /** Without the semicolon, and without comments or space before its first word. */
  readonly text: string
  /** Line of its first word, counted from 1. */
  readonly line: number
}

/**
 * Splits an SQL text into its statements, as psql does: semicolons in strings, quoted names, dollar quotes, comments,
 * parentheses and `BEGIN ATOMIC` bodies do not end a statement.
 *
 * @example splitStatements("select ';'; select 2").length // 2
 */
export function splitStatements(text: string): readonly SqlStatement[] {
  const statements: SqlStatement[] = []
  let start = -1
  let depth = 0
  let body = new FunctionBody()
  const finish = (end: number): void => {
    if (start >= 0) statements.push({ text: text.slice(start, end).trimEnd(), line: lineAt(text, start) })
    start = -1
    depth = 0
    body = new FunctionBody()
  }
  for (let at = 0; at < text.length;) {
    const token = tokenAt(text, at)
    if (token.kind === ';' && depth <= 0 && !body.isOpen) {
      finish(at)
    } else if (token.kind !== 'blank' && token.kind !== ';') {
      if (start < 0) start = at
      if (token.kind === '(') depth++
      else if (token.kind === ')') depth--
      else if (token.kind === 'word') body.word(text.slice(at, token.end).toLowerCase())
    }
    at = token.end
  }
  finish(text.length)
  return statements
}

/** First word of a statement that begins or ends a transaction; undefined for all others. Savepoints are allowed. */
export function transactionControl(statement: string): string | undefined {
  const match =
    /^(begin|start\s+transaction|commit|end|rollback(?!\s+(?:work\s+|transaction\s+)?to\b)|abort|prepare\s+transaction)\b/i.exec(
      statement,
    )
  return match?.[1]?.toLowerCase()
}

/** Line of an offset, counted from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) line++
  return line
}

/** Follows `CREATE FUNCTION … BEGIN ATOMIC …; …; END`, where `CASE` also has an `END`. */
class FunctionBody {
  readonly #firstWords: string[] = []
  #depth = 0

  get isOpen(): boolean {
    return this.#depth > 0
  }

  word(word: string): void {
    if (this.#firstWords.length < 4) this.#firstWords.push(word)
    if (!this.#isRoutine()) return
    if (word === 'begin') this.#depth++
    else if (word === 'case' && this.#depth > 0) this.#depth++
    else if (word === 'end' && this.#depth > 0) this.#depth--
  }

  #isRoutine(): boolean {
    const [first, second, third, fourth] = this.#firstWords
    const kind = second === 'or' && third === 'replace' ? fourth : second
    return first === 'create' && (kind === 'function' || kind === 'procedure')
  }
}

interface Token {
  readonly kind: 'blank' | 'word' | ';' | '(' | ')' | 'other'
  readonly end: number
}

function tokenAt(text: string, at: number): Token {
  const two = text.slice(at, at + 2)
  const character = text[at] as string
  if (/\s|\uFEFF/.test(character)) return { kind: 'blank', end: at + 1 }
  if (two === '--') return { kind: 'blank', end: endOf(text, '\n', at) }
  if (two === '/*') return { kind: 'blank', end: endOfComment(text, at) }
  if (character === ';' || character === '(' || character === ')') return { kind: character, end: at + 1 }
  if (/^[eE]'/.test(two)) return { kind: 'other', end: endOfQuote(text, at + 1, true) }
  if (character === "'" || character === '"') return { kind: 'other', end: endOfQuote(text, at, false) }
  if (character === '$') {
    const tag = /^\$(?:[A-Za-z_\u0080-\uFFFF][\w\u0080-\uFFFF]*)?\$/.exec(text.slice(at, at + 66))?.[0]
    return { kind: 'other', end: tag === undefined ? at + 1 : endOf(text, tag, at + tag.length) }
  }
  const word = /^[A-Za-z_\u0080-\uFFFF][\w$\u0080-\uFFFF]*/.exec(text.slice(at, at + 256))?.[0]
  return word === undefined ? { kind: 'other', end: at + 1 } : { kind: 'word', end: at + word.length }
}

/** Just behind the next `mark`, or the end of the text. */
function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  return found < 0 ? text.length : found + mark.length
}

/** A doubled quote stands for itself; in `E'…'` so does one behind a backslash. */
function endOfQuote(text: string, open: number, hasEscapes: boolean): number {
  const quote = text[open] as string
  for (let at = open + 1; at < text.length; at++) {
    if (hasEscapes && text[at] === '\\') at++
    else if (text[at] === quote) {
      if (text[at + 1] !== quote) return at + 1
      at++
    }
  }
  return text.length
}

/** Comments nest in SQL. */
function endOfComment(text: string, open: number): number {
  let depth = 1
  for (let at = open + 2; at < text.length; at++) {
    const two = text.slice(at, at + 2)
    if (two !== '/*' && two !== '*/') continue
    depth += two === '/*' ? 1 : -1
    at++
    if (depth === 0) return at + 1
  }
  return text.length
}
