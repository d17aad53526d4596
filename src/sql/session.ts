import diagnostics from 'node:diagnostics_channel'
import type { QueryResult } from 'pg'
import { Client, Query } from 'pg'
import { systemClock } from '../core/clock.ts'
import { TenfoldError, hasCode, messageOf } from '../core/errors.ts'
import type { PreparedNames } from './prepared-names.ts'
import { createPreparedNames } from './prepared-names.ts'
import { isAboutPreparing, isCancelledStandbyWait, isFatal, isServerError } from './sql-failure.ts'
import type { StatementEvent } from './statement-event.ts'
import { STATEMENT_CHANNEL } from './statement-event.ts'
import { statementKind } from './statement-kind.ts'

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
   * Sends a statement without waiting for those before it; they run one after the other, and each fails for itself.
   *
   * @throws TF_CONNECTION_LOST the statement may or may not have taken effect, see `hadNoEffect`
   * @throws TF_COMMIT_INDETERMINATE committed here, but not known to be on the standby
   * @throws the server's own error, with its SQLSTATE in `code`, for everything it refuses
   */
  query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>
  /** The same for a question of our own, which no trace shows. */
  ask<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>
  /** Of the primary that it leads to, once that was asked; 0 where nobody counts. */
  term: number
  /** Whether the connection is gone. */
  readonly isLost: boolean
  /** Whether a statement may have left something in the session that `DISCARD ALL` would take away. */
  readonly isChanged: boolean
  /** Calls back once when the connection goes away without `close`. */
  onLost(callback: () => void): void
  /** Calls back with the payload of each notification, of whatever channel. */
  onNotification(callback: (payload: string) => void): void
  /** Ends the connection at once; what is under way on it fails with TF_CONNECTION_LOST and this reason. */
  cut(reason: string): void
  /** Says good-bye, or cuts the connection if something is under way; never rejects. */
  close(): Promise<void>
}

/** How sessions connect. */
export interface SessionOptions {
  readonly url: string
  readonly applicationName: string
  readonly connectTimeoutMs: number
  /** Server-side limit on one statement; 0 for none. It never ends a COMMIT: the server stops counting before it. */
  readonly statementTimeoutMs: number
  /** Every statement is a read, and the server holds to it. Refused by servers that take no settings from clients. */
  readonly isReadOnly?: boolean
  /**
   * Each text is exactly one statement, whatever it says, and may be sent twice. The server keeps those prepared that come
   * often. @default false
   */
  readonly isSingleStatement?: boolean
}

/** Opens a connection. Rejects with what the server or the system said. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const client = new Client({
    connectionString: options.isReadOnly === true ? readOnly(options.url) : options.url,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    pipeline: true,
    ...(options.statementTimeoutMs > 0 ? { statement_timeout: options.statementTimeoutMs } : {}),
  })
  const session = new PostgresSession(client, options.isSingleStatement === true)
  await client.connect()
  return session
}

/** As a setting of the connection itself: a pooler in between refuses it, where a `SET` would reach its other clients. */
function readOnly(text: string): string {
  const url = new URL(text)
  const given = url.searchParams.get('options')
  url.searchParams.set('options', `${given === null ? '' : `${given} `}-c default_transaction_read_only=on`)
  return url.href
}

class PostgresSession implements Session {
  term = 0
  readonly #client: Client
  /** Where every text is one statement. */
  readonly #names: PreparedNames | undefined
  #isLost = false
  #isChanged = false
  #isClosing = false
  #isGathering = false
  #inFlight = 0
  #cutReason: string | undefined
  /** The server has said that it ends the session: it reads nothing more. */
  #hasEnded = false
  #isStandbyWaitCancelled = false
  #onLost: (() => void) | undefined

  constructor(client: Client, isSingleStatement: boolean) {
    this.#client = client
    const drop = (name: string): void => void this.#run(`deallocate ${name}`).catch(() => undefined)
    this.#names = isSingleStatement ? createPreparedNames(drop) : undefined
    client.on('error', () => this.#lost())
    client.on('end', () => this.#lost())
    client.on('notice', (notice) => {
      if (isCancelledStandbyWait(notice)) this.#isStandbyWaitCancelled = true
    })
  }

  get isLost(): boolean {
    return this.#isLost
  }

  get isChanged(): boolean {
    return this.#isChanged
  }

  onLost(callback: () => void): void {
    this.#onLost = callback
  }

  onNotification(callback: (payload: string) => void): void {
    this.#client.on('notification', ({ payload }) => callback(payload ?? ''))
  }

  query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    if (statementKind(text).changesSession) this.#isChanged = true
    return statements.hasSubscribers ? this.#observed(text, values) : this.#send(text, values)
  }

  async ask<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    const result = await this.#send<Row>(text, values)
    if (text === RESET) this.#isChanged = false
    return result
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

  #send<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    if (this.#names === undefined) return this.#run<Row>(text, values)
    const name = this.#names.nameOf(text)
    const sent = this.#run<Row>(text, values, name)
    if (name === undefined) return sent
    return sent.catch((error: unknown) => {
      if (!isAboutPreparing(error)) throw error
      this.#names?.forget(text, name)
      return this.#run<Row>(text, values)
    })
  }

  #run<Row>(text: string, values?: readonly unknown[], name?: string): Promise<SqlResult<Row>> {
    if (this.#isLost)
      return Promise.reject(connectionLost({ text, cause: GONE, isUnread: true, reason: this.#cutReason }))
    this.#gather()
    return new Promise((resolve, reject) => {
      this.#inFlight++
      let isSettled = false
      // Called while the answer is read, so that what the server has said meanwhile belongs to this statement.
      const callback = (error: Error | null, result: QueryResult): void => {
        if (isSettled) return
        isSettled = true
        this.#inFlight--
        const isCancelled = this.#isStandbyWaitCancelled
        this.#isStandbyWaitCancelled = false
        if (isCancelled) reject(commitIndeterminate('the wait for the synchronous standby was cancelled', error))
        else if (error) reject(this.#failure(text, error))
        else resolve(result as unknown as SqlResult<Row>)
      }
      // Made here because pg makes a costly copy of what it is given otherwise; the types don't know the options.
      const query = Object.assign(new Query(text, values as unknown[]), { callback })
      // Only the extended protocol refuses a text of several statements.
      if (this.#names !== undefined) Object.assign(query, { queryMode: 'extended', name })
      this.#client.query(query)
    })
  }

  /** What is sent by those who were woken by one answer goes out together: a system call for each costs more than the rest. */
  #gather(): void {
    if (this.#isGathering) return
    this.#isGathering = true
    const { stream } = this.#client.connection
    stream.cork()
    process.nextTick(() => {
      this.#isGathering = false
      stream.uncork()
    })
  }

  cut(reason: string): void {
    this.#cutReason ??= reason
    this.#client.connection.stream.destroy()
    this.#lost()
  }

  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#inFlight > 0 && !this.#isLost) this.cut('the connection was given up')
    // A connection that is already broken has nobody to say good-bye to.
    await this.#client.end().catch(() => undefined)
  }

  #failure(text: string, error: Error): unknown {
    // Statements are run in order: the server has not begun with what comes after the one that it ended with.
    const isUnread = this.#hasEnded
    if (isFatal(error)) {
      this.#hasEnded = true
      this.#lost()
    }
    return this.#isLost ? connectionLost({ text, cause: error, isUnread, reason: this.#cutReason }) : error
  }

  #lost(): void {
    if (this.#isLost) return
    this.#isLost = true
    if (!this.#isClosing) this.#onLost?.()
  }
}

const GONE = new Error('the connection is gone')

/** Gives a session back as it was when it was opened. */
export const RESET = 'discard all'

/** The error for a COMMIT whose outcome nobody knows. */
export function commitIndeterminate(
  reason: string,
  cause?: unknown,
  details: Readonly<Record<string, unknown>> = {},
): TenfoldError {
  return new TenfoldError('TF_COMMIT_INDETERMINATE', `expected COMMIT to be confirmed, but ${reason}`, {
    hint: 'ask with committed(error) whether the work took effect, or make it safe to repeat',
    details,
    cause,
  })
}

/**
 * Whether a lost statement certainly had no effect: the server said that it was ending the session (57P01), which it
 * says between statements or instead of finishing one, or ended it before this statement's turn came. Unknown for texts
 * that may commit on their way.
 */
export function hadNoEffect(error: unknown): boolean {
  return hasCode(error, 'TF_CONNECTION_LOST') && (error as TenfoldError).details['hadNoEffect'] === true
}

function connectionLost(loss: {
  text: string
  cause: Error
  isUnread: boolean
  reason: string | undefined
}): TenfoldError {
  const { text, cause, isUnread, reason } = loss
  const isInstead = isServerError(cause) && cause.code === '57P01' && !/^\s*(call|do)\b|\bcommit\b/i.test(text)
  const hadNoEffect = isUnread || isInstead
  const why = reason === undefined ? `got: ${messageOf(cause)}` : `but the connection was cut: ${reason}`
  return new TenfoldError('TF_CONNECTION_LOST', `expected the server to answer, ${why}`, {
    hint: hadNoEffect
      ? 'repeat it'
      : 'outside a transaction the statement may have taken effect: read back before you repeat it',
    details: { hadNoEffect, ...(reason === undefined ? {} : { reason }) },
    cause,
  })
}
