/** What a statement's text tells about how it may run. */
export interface StatementKind {
  /**
   * One statement that reads, so that it may share a connection with others and run twice. Only a guess: what a function
   * does is not in the text. The server has the last word, because lanes are read only.
   */
  readonly isPlainRead: boolean
  /** It may leave something behind in the session that the next user of the connection would see: `SET`, `LISTEN`. */
  readonly changesSession: boolean
}

const READS = new Set(['select', 'values', 'table', 'with'])

/** Writes, commits that wait for a standby, locks that others may hold for long, and what is about the session itself. */
const NOT_PLAIN =
  /\b(?:insert|update|delete|merge|into|share|currval|lastval|set_config|pg_sleep\w*|pg_notify|pg_backend_pid|pg_logical_emit_message|pg_(?:try_)?advisory\w*)\b/i

/** First words of statements that leave the session as it was, or can't run outside a transaction that ends. */
const KEEPS_SESSION = new Set(
  (
    'select insert update delete merge with values table begin start commit end rollback abort savepoint release lock ' +
    'explain truncate alter drop grant revoke comment analyze vacuum reindex refresh copy show notify checkpoint cluster'
  ).split(' '),
)

/** Settings, and locks that no commit releases. A third argument `true` makes the setting one of the transaction. */
const CHANGES_INSIDE = /\bset_config\s*\(|\bpg_(?:try_)?advisory_lock/i
const LOCAL_SETTING = /\bset_config\s*\([^()]*,\s*true\s*\)/gi

const REMEMBERED_MAX = 1_000
const remembered = new Map<string, StatementKind>()

/**
 * Looks at the text of a statement, or of several with semicolons between them. What it can't tell, such as `DO` and
 * `CALL`, counts as the worse.
 *
 * @example statementKind('select 1') // { isPlainRead: true, changesSession: false }
 */
export function statementKind(text: string): StatementKind {
  const known = remembered.get(text)
  if (known !== undefined) return known
  const kind = classify(text)
  // Texts that a program builds are endless; starting over is cheap.
  if (remembered.size >= REMEMBERED_MAX) remembered.clear()
  remembered.set(text, kind)
  return kind
}

function classify(text: string): StatementKind {
  // A semicolon inside a literal makes a part too many, which can only make the answer worse.
  const parts = text.split(';').filter((part, index) => index === 0 || part.trim() !== '')
  return {
    isPlainRead: parts.length === 1 && READS.has(firstWord(text)) && !NOT_PLAIN.test(text),
    changesSession: parts.some(changesSession) || CHANGES_INSIDE.test(text.replaceAll(LOCAL_SETTING, '')),
  }
}

function changesSession(part: string): boolean {
  const word = firstWord(part)
  if (word === '') return false
  if (word === 'set') return !/^set\s+(?:local|transaction|constraints)\b/i.test(withoutComments(part))
  if (word === 'create' || word === 'select' || word === 'with') return /\btemp(?:orary)?\b/i.test(part)
  return !KEEPS_SESSION.has(word)
}

function firstWord(text: string): string {
  return /^[\s(]*([a-z]+)/i.exec(withoutComments(text))?.[1]?.toLowerCase() ?? ''
}

/** Without the comments in front, which may hold anything. */
function withoutComments(text: string): string {
  return text.replace(/^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, '')
}
