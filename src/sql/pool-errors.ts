import { TenfoldError, messageOf } from '../core/errors.ts'

/** The error for a caller that got no connection: the queue is full, or it has waited long enough. */
export function poolExhausted(pool: {
  database: string
  connectionsMax: number
  busy: number
  waiting: number
  waitMs: number
}): TenfoldError {
  const { database, connectionsMax, busy, waiting, waitMs } = pool
  return new TenfoldError(
    'TF_POOL_EXHAUSTED',
    `expected a free connection to ${database}, got none in ${Math.round(waitMs)} ms: ` +
      `${busy} of ${connectionsMax} are busy and ${waiting} callers wait`,
    {
      hint: 'shorten the transactions, add instances, or raise the connections of this database',
      details: { database, connectionsMax, busy, waiting, waitMs },
    },
  )
}

/** The error for a server that no connection could be opened to in time. */
export function databaseUnreachable(database: string, cause: unknown): TenfoldError {
  return new TenfoldError('TF_DATABASE_UNREACHABLE', `expected a connection to ${database}, got: ${messageOf(cause)}`, {
    hint: 'check that the database runs ("tenfold status") and that its URL is right',
    details: { database },
    cause,
  })
}

/** The error for whoever comes after the end. */
export function databaseClosed(database: string): TenfoldError {
  return new TenfoldError('TF_DATABASE_CLOSED', `expected ${database} to be open, but end() was called`, {
    hint: 'end the database only after the last request',
  })
}
