import type { SqlResult } from '../sql/session.ts'

/** Whatever runs statements: a database, a transaction, a session. */
export interface StatementRunner {
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>
}

/** As much of a `Transaction` as topics need, whatever its tables are. */
export interface TopicTransaction extends StatementRunner {
  afterCommit(action: () => void | Promise<void>): void
}

/** As much of a `DatabaseConnection` as topics need, whatever its tables are. */
export interface TopicDatabase extends StatementRunner {
  transaction<Result>(work: (tx: TopicTransaction) => Promise<Result>): Promise<Result>
}
