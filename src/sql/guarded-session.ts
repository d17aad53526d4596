import type { Session, SqlResult } from './session.ts'
import { statementKind } from './statement-kind.ts'

/** Asked behind statements, on the same connection, whether they met what they were meant for. */
export interface StatementGuard {
  /** One cheap statement. */
  readonly text: string
  /**
   * Looks at its answer, once for all statements before it. What it throws, they throw, but for writes that have changed
   * rows: those were let in by the database itself.
   */
  accept(result: SqlResult<Record<string, unknown>>): void
}

/** How a statement that is a transaction of its own can be guarded. */
export type GuardedKind =
  /** What it has read can be thrown away. */
  | 'read'
  /** It has changed rows, which the database has let it do, or nothing. */
  | 'write'
  /** Nobody can tell: run it in a transaction. */
  | 'other'

export function guardedKind(text: string): GuardedKind {
  if (statementKind(text).isPlainRead) return 'read'
  return WRITES.test(text) ? 'write' : 'other'
}

/**
 * A session whose single statements are answered when the guard has agreed: one question behind all that were sent
 * together. What is in a transaction is its own affair.
 */
export function guardedSession(session: Session, guard: StatementGuard): Session {
  return new GuardedSession(session, guard)
}

const WRITES = /^\s*(?:insert|update|delete|merge)\b/i
const BEGINS = /^\s*(?:begin|start)\b/i
const ENDS = /^\s*(?:commit|end|rollback(?!\s+to)|abort)\b/i

class GuardedSession implements Session {
  readonly #session: Session
  readonly #guard: StatementGuard
  #isInTransaction = false
  /** Of the statements that were sent in this turn. */
  #verdict: Promise<void> | undefined

  constructor(session: Session, guard: StatementGuard) {
    this.#session = session
    this.#guard = guard
  }

  async query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    const kind = this.#isInTransaction ? 'other' : guardedKind(text)
    if (kind === 'other') {
      if (BEGINS.test(text)) this.#isInTransaction = true
      else if (ENDS.test(text)) this.#isInTransaction = false
      return this.#session.query<Row>(text, values)
    }
    if (kind === 'write') {
      const written = await this.#session.query<Row>(text, values)
      if (written.rowCount === 0) await this.#behind()
      return written
    }
    const verdict = this.#behind()
    // What the statement itself has to say comes first.
    verdict.catch(() => undefined)
    const read = await this.#session.query<Row>(text, values)
    await verdict
    return read
  }

  #behind(): Promise<void> {
    this.#verdict ??= new Promise((resolve, reject) => {
      process.nextTick(() => {
        this.#verdict = undefined
        this.#session
          .ask<Record<string, unknown>>(this.#guard.text)
          .then((result) => this.#guard.accept(result))
          .then(resolve, reject)
      })
    })
    return this.#verdict
  }

  ask<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    return this.#session.ask<Row>(text, values)
  }

  get term(): number {
    return this.#session.term
  }

  set term(term: number) {
    this.#session.term = term
  }

  get isLost(): boolean {
    return this.#session.isLost
  }

  get isChanged(): boolean {
    return this.#session.isChanged
  }

  onLost(callback: () => void): void {
    this.#session.onLost(callback)
  }

  onNotification(callback: (payload: string) => void): void {
    this.#session.onNotification(callback)
  }

  cut(reason: string): void {
    this.#session.cut(reason)
  }

  close(): Promise<void> {
    return this.#session.close()
  }
}
