import { createRequire } from 'node:module'
import type {
  CompiledQuery,
  ConnectionProvider,
  DatabaseConnection,
  Dialect,
  DialectAdapter,
  Driver,
  Kysely,
  QueryCompiler,
  QueryResult,
  TransactionSettings,
} from 'kysely'
import { TenfoldError } from '../core/errors.ts'
import { commit } from './commit.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { quoteIdentifier } from './quote-identifier.ts'
import type { NodeLink } from './node-link.ts'
import type { Session, SqlResult } from './session.ts'
import { hadNoEffect } from './session.ts'

/** Whatever runs statements: a connection of the pool or a transaction. */
interface StatementRunner {
  query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>
}

/**
 * Kysely on a node: single queries as `NodeLink.query` runs them, transactions and `connection()` on a connection of the
 * pool. Its `transaction()` commits as ours does, so an unknown outcome is never success.
 *
 * @throws TF_PEER_MISSING when kysely is not installed
 */
export function linkKysely<Tables>(link: Link): Kysely<Tables> {
  const { Kysely: Base } = loadKysely()
  const pooled = new Base<Tables>({ dialect: dialectOf(new PoolDriver(link.pool)) })
  class LinkKysely extends Base<Tables> {
    override connection(): ReturnType<Kysely<Tables>['connection']> {
      return pooled.connection()
    }
  }
  return new LinkKysely({ dialect: dialectOf(new LinkDriver(link)) })
}

/**
 * Kysely on whatever runs statements: a key, a view, a transaction that is open. Made for each of them anew, so it is made of
 * parts that they share, and has no pool to ask for connections. Its `transaction()` is refused.
 *
 * @throws TF_PEER_MISSING
 */
export function runnerKysely<Tables>(runner: StatementRunner): Kysely<Tables> {
  const kysely = loadKysely()
  shared ??= { compiler: new kysely.PostgresQueryCompiler(), adapter: new kysely.PostgresAdapter() }
  const connection = new RunnerOnly(runner)
  const driver = new RunnerDriver(connection)
  const provider: ConnectionProvider = { provideConnection: (consumer) => consumer(connection) }
  const executor = new kysely.DefaultQueryExecutor(shared.compiler, shared.adapter, provider)
  const dialect = dialectOf(driver)
  return new kysely.Kysely<Tables>({ config: { dialect }, dialect, driver, executor })
}

let shared: { readonly compiler: QueryCompiler; readonly adapter: DialectAdapter } | undefined

type Link = Pick<NodeLink, 'query' | 'pool'>

type KyselyModule = typeof import('kysely')

let loaded: KyselyModule | undefined

/** Late and synchronous: a service that writes its SQL by hand never pays for a query builder. */
function loadKysely(): KyselyModule {
  if (loaded !== undefined) return loaded
  try {
    loaded = createRequire(import.meta.url)('kysely') as KyselyModule
    return loaded
  } catch (cause) {
    throw new TenfoldError(
      'TF_PEER_MISSING',
      'expected the package kysely to be installed: `db` is a Kysely query builder',
      {
        hint: 'run "npm install kysely", or use query(text, values)',
        details: { package: 'kysely' },
        cause,
      },
    )
  }
}

function dialectOf(driver: Driver): Dialect {
  const kysely = loadKysely()
  return {
    createAdapter: () => new kysely.PostgresAdapter(),
    createDriver: () => driver,
    createIntrospector: (db) => new kysely.PostgresIntrospector(db),
    createQueryCompiler: () => new kysely.PostgresQueryCompiler(),
  }
}

abstract class RunnerConnection implements DatabaseConnection {
  abstract run<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>

  async executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, rowCount, command } = await this.run<R>(compiled.sql, compiled.parameters)
    const isWrite = command === 'INSERT' || command === 'UPDATE' || command === 'DELETE' || command === 'MERGE'
    return isWrite ? { rows: rows ?? [], numAffectedRows: BigInt(rowCount) } : { rows: rows ?? [] }
  }

  // oxlint-disable-next-line require-yield
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new TenfoldError('TF_NOT_IMPLEMENTED', 'expected a query that returns whole, but stream() is not available', {
      hint: 'read in pages: where the key is greater than the last one seen, with a limit',
    })
  }
}

abstract class SavepointDriver {
  async init(): Promise<void> {}

  async savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await runnerOf(connection).run(`savepoint ${quoteIdentifier(name)}`)
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await runnerOf(connection).run(`rollback to savepoint ${quoteIdentifier(name)}`)
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await runnerOf(connection).run(`release savepoint ${quoteIdentifier(name)}`)
  }
}

/** A connection of the pool; replaced when it turns out to be dead before it has done anything. */
class PooledConnection extends RunnerConnection {
  readonly #pool: ConnectionPool
  #isFresh = true
  #isHeld = true
  /** Whether nobody knows the state of the session, after a failed COMMIT or ROLLBACK. */
  isTainted = false
  session: Session

  constructor(pool: ConnectionPool, session: Session) {
    super()
    this.#pool = pool
    this.session = session
  }

  async run<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    const isFirst = this.#isFresh
    this.#isFresh = false
    try {
      return await this.session.query<Row>(text, values)
    } catch (error) {
      if (!isFirst || !hadNoEffect(error)) throw error
    }
    this.release()
    this.session = await this.#pool.acquire()
    this.#isHeld = true
    return this.session.query<Row>(text, values)
  }

  release(): void {
    if (this.#isHeld) this.#pool.release(this.session, { discard: this.isTainted })
    this.#isHeld = false
  }
}

class PoolDriver extends SavepointDriver implements Driver {
  readonly #pool: ConnectionPool

  constructor(pool: ConnectionPool) {
    super()
    this.#pool = pool
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return new PooledConnection(this.#pool, await this.#pool.acquire())
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const isolation = settings.isolationLevel === undefined ? '' : ` isolation level ${settings.isolationLevel}`
    const access = settings.accessMode === undefined ? '' : ` ${settings.accessMode}`
    await runnerOf(connection).run(`begin${isolation}${access}`)
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    const pooled = connection as PooledConnection
    pooled.isTainted = true
    await commit(pooled.session)
    pooled.isTainted = false
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const pooled = connection as PooledConnection
    if (pooled.session.isLost) return
    pooled.isTainted = true
    await pooled.session.query('rollback')
    pooled.isTainted = false
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    const pooled = connection as PooledConnection
    pooled.release()
  }

  async destroy(): Promise<void> {
    await this.#pool.end()
  }
}

/** Runs single queries on the link, until a transaction begins, which takes a connection of the pool. */
class LinkConnection extends RunnerConnection {
  readonly #link: Link
  pooled: PooledConnection | undefined

  constructor(link: Link) {
    super()
    this.#link = link
  }

  run<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    return this.pooled?.run<Row>(text, values) ?? this.#link.query<Row>(text, values)
  }
}

class LinkDriver extends PoolDriver {
  readonly #link: Link

  constructor(link: Link) {
    super(link.pool)
    this.#link = link
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    return new LinkConnection(this.#link)
  }

  override async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const { pool } = this.#link
    const pooled = new PooledConnection(pool, await pool.acquire())
    const link = connection as LinkConnection
    link.pooled = pooled
    await super.beginTransaction(pooled, settings)
  }

  override commitTransaction(connection: DatabaseConnection): Promise<void> {
    return super.commitTransaction((connection as LinkConnection).pooled as PooledConnection)
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const { pooled } = connection as LinkConnection
    if (pooled !== undefined) await super.rollbackTransaction(pooled)
  }

  override async releaseConnection(connection: DatabaseConnection): Promise<void> {
    const { pooled } = connection as LinkConnection
    pooled?.release()
  }
}

class RunnerOnly extends RunnerConnection {
  readonly #runner: StatementRunner

  constructor(runner: StatementRunner) {
    super()
    this.#runner = runner
  }

  run<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    return this.#runner.query<Row>(text, values)
  }
}

class RunnerDriver extends SavepointDriver implements Driver {
  readonly #connection: DatabaseConnection

  constructor(connection: DatabaseConnection) {
    super()
    this.#connection = connection
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection
  }

  async beginTransaction(): Promise<void> {
    throw new TenfoldError('TF_TRANSACTION_NESTED', 'expected one transaction, but another was begun inside it', {
      hint: 'use the db of the transaction you are in, without transaction()',
    })
  }

  async commitTransaction(): Promise<void> {}

  async rollbackTransaction(): Promise<void> {}

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {}
}

function runnerOf(connection: DatabaseConnection): RunnerConnection {
  return connection as RunnerConnection
}
