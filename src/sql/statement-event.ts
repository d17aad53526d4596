/** Statements are published here when they have ended, in the context of whoever asked for them. */
export const STATEMENT_CHANNEL = 'tenfold:sql:statement'

/** One statement that a server has answered, or not. */
export interface StatementEvent {
  readonly database: string
  /** As it was sent, with $1, $2 … for values. */
  readonly text: string
  readonly durationMs: number
  /** SQLSTATE, or the code of the error; absent when it succeeded. */
  readonly error?: string
}
