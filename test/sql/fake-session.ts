import type { Session, SqlResult } from '../../src/sql/session.ts'

/** A session that answers what the test says, and remembers what it was asked. */
export interface FakeSession extends Session {
  readonly statements: string[]
  /** What was asked behind the borrower's back. */
  readonly questions: string[]
  readonly isClosed: boolean
  /** Ends the connection as a server that goes away would. */
  lose(): void
}

/** Every statement succeeds unless `answer` says otherwise. */
export function fakeSession(
  answer: (text: string, session: FakeSession) => string | undefined = () => undefined,
): FakeSession {
  const statements: string[] = []
  const questions: string[] = []
  let isLost = false
  let isClosed = false
  let onLost = (): void => {}
  const session: FakeSession = {
    statements,
    questions,
    get isLost() {
      return isLost
    },
    get isClosed() {
      return isClosed
    },
    term: 0,
    isChanged: false,
    onLost(callback) {
      onLost = callback
    },
    lose() {
      isLost = true
      onLost()
    },
    onNotification() {},
    cut() {
      session.lose()
    },
    async ask<Row>(text: string): Promise<SqlResult<Row>> {
      questions.push(text)
      answer(text, session)
      return { rows: [], rowCount: 0, command: '' }
    },
    async query<Row>(text: string): Promise<SqlResult<Row>> {
      statements.push(text)
      const command = answer(text, session) ?? text.split(' ')[0]?.toUpperCase() ?? ''
      return { rows: [], rowCount: 0, command }
    },
    async close() {
      isClosed = true
    },
  }
  return session
}

/** An error as the server reports it. */
export function serverError(code: string, severity = 'ERROR', message = `error ${code}`): Error {
  return Object.assign(new Error(message), { code, severity })
}
