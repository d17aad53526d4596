import diagnostics from 'node:diagnostics_channel'
import type { QueryResult } from 'pg'
import { Client } from 'pg'
import { systemClock } from '../core/clock.ts'
import { TenfoldError, hasCode, messageOf } from '../core/errors.ts'
import { isCancelledStandbyWait, isFatal, isServerError } from './sql-failure.ts'
import type { StatementEvent } from './statement-event.ts'
import { STATEMENT_CHANNEL } from './statement-event.ts'

const statements = diagnostics.channel(STATEMENT_CHANNEL)

/** The outcome of one statement. */
export interface SqlResult<Row> {
  readonly rows: Row[]
  /** Rows read or written; 0 for statements that do neither. */
  readonly rowCount: number
  /** First word of the statement as the server understood it: `'SELECT'`, `'COMMIT'`, `'ROLLBACK'`. */
  readonly command: string
}

/** One connection to a PostgreSQL server. */
export interface Session {
  /**
   * @throws TF_CONNECTION_LOST the statement may or may not have taken effect
   * @throws TF_COMMIT_INDETERMINATE committed here, but not known to be on the standby
   * @throws the server's own error, with its SQLSTATE in `code`, for everything it refuses
   */
  query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>
  /** Whether the connection is gone. */
  readonly isLost: boolean
  /** Calls back once when the connection goes away without `close`. */
  onLost(callback: () => void): void
  /** Says good-bye; never rejects. */
  close(): Promise<void>
}

/** How sessions connect. */
export interface SessionOptions {
  readonly url: string
  readonly applicationName: string
  readonly connectTimeoutMs: number
  /** Server-side limit on one statement; 0 for none. */
  readonly statementTimeoutMs: number
}

/** Opens a connection. Rejects with what the server or the system said. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const client = new Client({
    connectionString: options.url,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    ...(options.statementTimeoutMs > 0 ? { statement_timeout: options.statementTimeoutMs } : {}),
  })
  const session = new PostgresSession(client)
  await client.connect()
  return session
}

class PostgresSession implements Session {
  readonly #client: Client
  #isLost = false
  #isClosing = false
  #isStandbyWaitCancelled = false
  #onLost: (() => void) | undefined

  constructor(client: Client) {
    this.#client = client
    client.on('error', () => this.#lost())
    client.on('end', () => this.#lost())
    client.on('notice', (notice) => {
      if (isCancelledStandbyWait(notice)) this.#isStandbyWaitCancelled = true
    })
  }

  get isLost(): boolean {
    return this.#isLost
  }

  onLost(callback: () => void): void {
    this.#onLost = callback
  }

  query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    return statements.hasSubscribers ? this.#observed(text, values) : this.#send(text, values)
  }

  async #observed<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    const startMs = systemClock.nowMs()
    const publish = (error?: string): void =>
      statements.publish({
        database: this.#client.database ?? '',
        text,
        durationMs: systemClock.nowMs() - startMs,
        ...(error === undefined ? {} : { error }),
      } satisfies StatementEvent)
    try {
      const result = await this.#send<Row>(text, values)
      publish()
      return result
    } catch (error) {
      publish(String((error as { code?: unknown }).code ?? 'error'))
      throw error
    }
  }

  async #send<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    let result: QueryResult
    try {
      result = await this.#client.query(text, values as unknown[] | undefined)
    } catch (error) {
      if (isFatal(error)) this.#lost()
      throw this.#isLost ? connectionLost(text, error) : error
    }
    if (this.#isStandbyWaitCancelled) {
      this.#isStandbyWaitCancelled = false
      throw commitIndeterminate('the wait for the synchronous standby was cancelled')
    }
    return result as unknown as SqlResult<Row>
  }

  async close(): Promise<void> {
    this.#isClosing = true
    // A connection that is already broken has nobody to say good-bye to.
    await this.#client.end().catch(() => undefined)
  }

  #lost(): void {
    if (this.#isLost) return
    this.#isLost = true
    if (!this.#isClosing) this.#onLost?.()
  }
}

/** The error for a COMMIT whose outcome nobody knows. */
export function commitIndeterminate(reason: string, cause?: unknown): TenfoldError {
  return new TenfoldError('TF_COMMIT_INDETERMINATE', `expected COMMIT to be confirmed, but ${reason}`, {
    hint: 'read back whether the work took effect before you repeat it, or make it safe to repeat',
    cause,
  })
}

/**
 * Whether a lost statement certainly had no effect: the server said that it was ending the session (57P01), which it
 * says between statements or instead of finishing one. Unknown for texts that may commit on their way.
 */
export function hadNoEffect(error: unknown): boolean {
  return hasCode(error, 'TF_CONNECTION_LOST') && (error as TenfoldError).details['hadNoEffect'] === true
}

function connectionLost(text: string, cause: unknown): TenfoldError {
  const hadNoEffect = isServerError(cause) && cause.code === '57P01' && !/^\s*(call|do)\b|\bcommit\b/i.test(text)
  return new TenfoldError('TF_CONNECTION_LOST', `expected the server to answer, got: ${messageOf(cause)}`, {
    hint: hadNoEffect
      ? 'repeat it'
      : 'outside a transaction the statement may have taken effect: read back before you repeat it',
    details: { hadNoEffect },
    cause,
  })
}
