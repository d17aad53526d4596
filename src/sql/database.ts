import type { Kysely } from 'kysely'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { Duration } from '../core/duration.ts'
import { parseDuration } from '../core/duration.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { freshSeed, seededRandom } from '../core/random.ts'
import type { ConnectionPool, PoolStats } from './connection-pool.ts'
import { createConnectionPool } from './connection-pool.ts'
import { poolKysely } from './kysely-handle.ts'
import type { SqlResult } from './session.ts'
import { hadNoEffect, openSession } from './session.ts'
import type { Transaction, TransactionOptions } from './transaction.ts'
import { runTransaction } from './transaction.ts'

/** Where a database is, and how many connections one process may hold to it. */
export interface DatabaseAddress {
  /** `postgres://user:password@host:port/database` */
  readonly url: string
  readonly connectionsMax: number
}

/** Settings of a connection; every one has a default. */
export interface DatabaseOptions {
  /** Shown by the server in `pg_stat_activity`. @default 'tenfold' */
  applicationName?: string
  /** How long a caller waits for a connection, opening one included. @default '5s' */
  acquireTimeout?: Duration
  /** Callers that may wait; the next one is refused at once. @default 1000 */
  waitingMax?: number
  /** Idle connections are closed after this long. @default '30s' */
  idleTimeout?: Duration
  /** How long one attempt to connect may take. @default '5s' */
  connectTimeout?: Duration
  /** The server cancels a statement that takes longer; undefined: no limit. */
  statementTimeout?: Duration
  /** @default the machine's clock */
  clock?: Clock
  /** Source of the jitter between retries. */
  random?: Random
}

/** A PostgreSQL database as a service uses it. */
export interface DatabaseConnection<Tables = unknown> {
  /** Query builder. Each query outside `transaction` is a transaction of its own. @throws TF_PEER_MISSING without kysely */
  readonly db: Kysely<Tables>
  /**
   * Runs one statement with `$1`, `$2`, … as parameters, on any connection.
   *
   * @throws TF_POOL_EXHAUSTED, TF_DATABASE_UNREACHABLE: nothing has happened
   * @throws TF_CONNECTION_LOST, TF_COMMIT_INDETERMINATE: a write may have taken effect
   * @throws the server's error, SQLSTATE in `code`: nothing has happened
   */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>
  /**
   * Runs `work` in a transaction and commits. `work` runs again, on a fresh transaction, after a serialization
   * failure, a deadlock, or a connection lost before COMMIT: keep effects outside the database in `afterCommit`.
   *
   * @throws TF_COMMIT_INDETERMINATE nobody knows whether it committed; never retried
   * @throws what `work` throws, after a rollback
   */
  transaction<R>(work: (tx: Transaction<Tables>) => Promise<R>, options?: TransactionOptions): Promise<R>
  stats(): PoolStats
  /** Waits for the work in progress, then closes every connection. Safe to call twice. */
  end(): Promise<void>
}

/** A statement that met a server on its way down is sent again this often at most. */
const ATTEMPTS_MAX = 3

/**
 * Connects to a database when it is first used; a server that restarts is waited for, up to `acquireTimeout`.
 *
 * @example
 * const orders = connectDatabase<OrderTables>({ url, connectionsMax: 8 })
 * const { rows } = await orders.query('select 1 as one') // [{ one: 1 }]
 */
export function connectDatabase<Tables = unknown>(
  address: DatabaseAddress,
  options: DatabaseOptions = {},
): DatabaseConnection<Tables> {
  const clock = options.clock ?? systemClock
  const sessions = {
    url: address.url,
    applicationName: options.applicationName ?? 'tenfold',
    connectTimeoutMs: parseDuration(options.connectTimeout ?? '5s'),
    statementTimeoutMs: options.statementTimeout === undefined ? 0 : parseDuration(options.statementTimeout),
  }
  const pool = createConnectionPool({
    database: databaseOf(address.url),
    connectionsMax: positiveInteger('connectionsMax', address.connectionsMax),
    waitingMax: positiveInteger('waitingMax', options.waitingMax ?? 1_000),
    acquireTimeoutMs: parseDuration(options.acquireTimeout ?? '5s'),
    idleTimeoutMs: parseDuration(options.idleTimeout ?? '30s'),
    clock,
    open: () => openSession(sessions),
  })
  return new PooledDatabase<Tables>({ pool, clock, random: options.random ?? seededRandom(freshSeed()) })
}

class PooledDatabase<Tables> implements DatabaseConnection<Tables> {
  readonly #context: { pool: ConnectionPool; clock: Clock; random: Random }
  #db: Kysely<Tables> | undefined

  constructor(context: { pool: ConnectionPool; clock: Clock; random: Random }) {
    this.#context = context
  }

  get db(): Kysely<Tables> {
    this.#db ??= poolKysely<Tables>(this.#context.pool)
    return this.#db
  }

  async query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    const { pool } = this.#context
    for (let attempt = 1; ; attempt++) {
      const session = await pool.acquire()
      try {
        return await session.query<Row>(text, values)
      } catch (error) {
        if (attempt === ATTEMPTS_MAX || !hadNoEffect(error)) throw error
      } finally {
        pool.release(session)
      }
    }
  }

  transaction<R>(work: (tx: Transaction<Tables>) => Promise<R>, options?: TransactionOptions): Promise<R> {
    return runTransaction(this.#context, work, options)
  }

  stats(): PoolStats {
    return this.#context.pool.stats()
  }

  end(): Promise<void> {
    return this.#context.pool.end()
  }
}

function databaseOf(url: string): string {
  if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url)) {
    // The URL itself may hold a password, so it is not repeated.
    throw new TenfoldError(
      'TF_DATABASE_URL_INVALID',
      'expected a URL such as postgres://user:password@host:5432/database',
      {
        hint: 'check the variable that holds the URL; special characters in the password must be percent-encoded',
      },
    )
  }
  return decodeURIComponent(new URL(url).pathname.slice(1)) || 'postgres'
}

function positiveInteger(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new TenfoldError('TF_OPTION_INVALID', `expected ${name} to be a positive whole number, got ${value}`)
}
