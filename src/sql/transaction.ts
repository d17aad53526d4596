import diagnostics from 'node:diagnostics_channel'
import type { Kysely } from 'kysely'
import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import type { Duration } from '../core/duration.ts'
import { parseDuration } from '../core/duration.ts'
import { TenfoldError, hasCode } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { commit } from './commit.ts'
import { runnerKysely } from './runner-kysely.ts'
import type { Session, SqlResult } from './session.ts'
import { isConflict } from './sql-failure.ts'

/**
 * A transaction in progress. Everything that must be atomic with a write takes this one type: queries, messages to
 * publish, cache entries to drop.
 */
export interface Transaction<Tables> {
  /**
   * Stands for the database that it is of: the same for all transactions of one connection, and for no other. It tells those
   * who are given a transaction what else can be done in it.
   */
  readonly database: object
  /** Query builder on this transaction's connection. Its own `transaction()` is refused: you are in one. */
  readonly db: Kysely<Tables>
  /** Runs one statement with `$1`, `$2`, … as parameters. @throws TF_TRANSACTION_ENDED after the work has returned */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>
  /**
   * Runs `action` once after the commit is confirmed, in the order of registration; never after a rollback or an
   * unknown outcome, and possibly not at all if the process dies. What it throws is published on
   * `tenfold:sql:after-commit-failed` and does not change the outcome.
   */
  afterCommit(action: () => void | Promise<void>): void
}

/** How a transaction runs. */
export interface TransactionOptions {
  /** @default 'read committed' */
  isolation?: 'read committed' | 'repeatable read' | 'serializable'
  /** Refuses writes. @default false */
  isReadOnly?: boolean
  /** How often the work is run again after a serialization failure, a deadlock or a connection lost before COMMIT. @default 3 */
  retries?: number
  /** The server ends a statement of this transaction that takes longer; never the COMMIT. @default no limit of its own */
  statementTimeout?: Duration
}

/** What parts of ours ask for beside that. */
export interface OwnTransactionOptions extends TransactionOptions {
  /** A statement that is run first, without a round trip of its own; where it fails, the work does not begin. */
  opening?: string
}

/** What a transaction runs on. */
export interface TransactionContext {
  /** What its transactions say they are of. */
  readonly database: object
  readonly pool: ConnectionPool
  readonly clock: Clock
  readonly random: Random
}

const READ_RETRIES = 3
const RETRY_BASE_MS = 5
const RETRY_MAX_MS = 250
const failedActions = diagnostics.channel('tenfold:sql:after-commit-failed')

/** Runs `work` in a transaction on a connection of the pool; see `DatabaseConnection.transaction` for the promises. */
export async function runTransaction<Tables, R>(
  context: TransactionContext,
  work: (tx: Transaction<Tables>) => Promise<R>,
  options: OwnTransactionOptions = {},
): Promise<R> {
  const retries = options.retries ?? 3
  for (let attempt = 0; ; attempt++) {
    const outcome = await attemptTransaction(context, work, options)
    if (outcome.kind === 'committed') {
      for (const action of outcome.actions) await runAction(action)
      return outcome.value
    }
    if (attempt >= retries || !isRetryable(outcome.error)) throw outcome.error
    await sleep(context.clock, retryPauseMs(attempt, context.random))
  }
}

/** A statement with its parameters. */
export interface Statement {
  readonly text: string
  readonly values?: readonly unknown[]
}

/** Runs statements in one read-only transaction that is sent at once; see `DatabaseConnection.readTogether`. */
export async function runReads(
  context: TransactionContext,
  statements: readonly Statement[],
  options: Pick<TransactionOptions, 'statementTimeout'> = {},
): Promise<readonly SqlResult<unknown>[]> {
  for (let attempt = 0; ; attempt++) {
    const { answers, failure } = await attemptReads(context.pool, statements, options)
    if (failure === undefined) return answers
    if (attempt >= READ_RETRIES || !isRetryable(failure.error)) throw failure.error
    await sleep(context.clock, retryPauseMs(attempt, context.random))
  }
}

async function attemptReads(
  pool: ConnectionPool,
  statements: readonly Statement[],
  options: Pick<TransactionOptions, 'statementTimeout'>,
): Promise<{ answers: readonly SqlResult<unknown>[]; failure?: { readonly error: unknown } }> {
  const session = await pool.acquire()
  const begun = session.query(beginStatement({ ...options, isReadOnly: true }))
  const sent = statements.map(({ text, values }) => session.query(text, values))
  // After a statement that failed it rolls back, which is as well.
  const outcomes = await Promise.allSettled([begun, ...sent, session.query('commit')])
  pool.release(session, { discard: outcomes[0]?.status === 'rejected' || outcomes.at(-1)?.status === 'rejected' })
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) return { answers: [], failure: { error: failed.reason } }
  return { answers: outcomes.slice(1, -1).flatMap((outcome) => ('value' in outcome ? [outcome.value] : [])) }
}

/** Full jitter: uniform between 0 and a ceiling that doubles (Brooker, "Exponential backoff and jitter", AWS 2015). */
export function retryPauseMs(attempt: number, random: Random): number {
  return random.next() * Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** attempt)
}

/** The statement that opens a transaction. */
export function beginStatement(options: OwnTransactionOptions): string {
  const isolation = options.isolation === undefined ? '' : ` isolation level ${options.isolation}`
  const statements = [`begin${isolation}${options.isReadOnly === true ? ' read only' : ''}`]
  if (options.statementTimeout !== undefined) {
    statements.push(`set local statement_timeout = ${Math.ceil(parseDuration(options.statementTimeout))}`)
  }
  if (options.opening !== undefined) statements.push(options.opening)
  return statements.join('; ')
}

type Outcome<R> =
  | { readonly kind: 'committed'; readonly value: R; readonly actions: readonly (() => void | Promise<void>)[] }
  /** Not committed, or not known to be: the error tells. */
  | { readonly kind: 'failed'; readonly error: unknown }

async function attemptTransaction<Tables, R>(
  { pool, database }: TransactionContext,
  work: (tx: Transaction<Tables>) => Promise<R>,
  options: OwnTransactionOptions,
): Promise<Outcome<R>> {
  const session = await pool.acquire()
  const tx = new OpenTransaction<Tables>(session, database)
  let isClean = false
  try {
    await session.query(beginStatement(options))
    const value = await work(tx)
    tx.hasEnded = true
    await commit(session, { isReadOnly: options.isReadOnly === true })
    isClean = true
    return { kind: 'committed', value, actions: tx.actions }
  } catch (error) {
    tx.hasEnded = true
    // After a COMMIT of unknown outcome the session is not trusted either; a failed ROLLBACK closes it.
    isClean = !hasCode(error, 'TF_COMMIT_INDETERMINATE') && (await rollback(session))
    return { kind: 'failed', error }
  } finally {
    pool.release(session, { discard: !isClean })
  }
}

async function rollback(session: Session): Promise<boolean> {
  if (session.isLost) return false
  return session.query('rollback').then(
    () => true,
    () => false,
  )
}

/** A connection lost before COMMIT was sent has certainly rolled back; during COMMIT it is another code. */
function isRetryable(error: unknown): boolean {
  return isConflict(error) || hasCode(error, 'TF_CONNECTION_LOST')
}

async function runAction(action: () => void | Promise<void>): Promise<void> {
  try {
    await action()
  } catch (error) {
    failedActions.publish({ error })
  }
}

class OpenTransaction<Tables> implements Transaction<Tables> {
  readonly database: object
  readonly actions: (() => void | Promise<void>)[] = []
  hasEnded = false
  readonly #session: Session
  #db: Kysely<Tables> | undefined

  constructor(session: Session, database: object) {
    this.#session = session
    this.database = database
  }

  get db(): Kysely<Tables> {
    this.#db ??= runnerKysely<Tables>(this)
    return this.#db
  }

  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    if (this.hasEnded) return Promise.reject(transactionEnded())
    return this.#session.query<Row>(text, values)
  }

  afterCommit(action: () => void | Promise<void>): void {
    if (this.hasEnded) throw transactionEnded()
    this.actions.push(action)
  }
}

function transactionEnded(): TenfoldError {
  return new TenfoldError(
    'TF_TRANSACTION_ENDED',
    'expected the transaction to be open, but its work function has returned',
    {
      hint: 'await every query inside the work function, and keep no reference to the transaction',
    },
  )
}
