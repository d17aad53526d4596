import type { DatabaseConnection, Driver, Kysely, TransactionSettings } from 'kysely'
import { commit } from './commit.ts'
import type { ConnectionPool } from './connection-pool.ts'
import type { NodeLink } from './node-link.ts'
import { dialectOf, loadKysely, RunnerConnection, runnerOf, SavepointDriver } from './runner-kysely.ts'
import type { Session, SqlResult } from './session.ts'
import { hadNoEffect } from './session.ts'

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

type Link = Pick<NodeLink, 'query' | 'pool'>

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
