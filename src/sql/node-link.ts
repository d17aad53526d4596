import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { ConnectionPool, PoolStats } from './connection-pool.ts'
import { createConnectionPool } from './connection-pool.ts'
import type { Lanes } from './lanes.ts'
import { createLanes, LANE_LIMIT_MS } from './lanes.ts'
import type { Session, SqlResult } from './session.ts'
import { hadNoEffect } from './session.ts'
import type { TransactionContext } from './transaction.ts'
import { runTransaction } from './transaction.ts'

/** Connections to one node at one moment. */
export interface LinkStats extends PoolStats {
  /** Statements under way on the lanes. */
  readonly laneInFlight: number
}

/** What a connection is opened for. */
export interface SessionUse {
  readonly isReadOnly: boolean
  readonly isSingleStatement: boolean
  /** The server ends a statement after this long; 0: never. */
  readonly statementTimeoutMs: number
}

/** Limits; the defaults are those of `DatabaseOptions`. */
export interface NodeLinkOptions {
  readonly database: string
  /** Of lanes and pool together. */
  readonly connectionsMax: number
  readonly waitingMax: number
  readonly acquireTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly statementTimeoutMs: number
  /** Whether every statement is a read, and the server holds to it. */
  readonly isReadOnly: boolean
  readonly clock: Clock
  readonly random: Random
  open(use: SessionUse): Promise<Session>
}

/** Everything that one process holds open to one node: lanes for short reads, a pool for the rest. */
export interface NodeLink {
  readonly pool: ConnectionPool
  /** Statements and transactions under way. */
  readonly inFlight: number
  /**
   * Runs one statement: a short read on a lane, anything else on a connection of the pool. One that met a server on its
   * way down and certainly had no effect is sent again.
   */
  query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>
  /**
   * The same for a statement that must not write, and is refused if it does. What was lost on the way is sent again,
   * whatever the server has done of it.
   */
  read<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>
  stats(): LinkStats
  /** From now on `open` leads elsewhere; see `ConnectionPool.renew`. */
  renew(change: { connectionsMax: number; cutReason?: string | undefined }): void
  end(): Promise<void>
}

/** A statement that met a server on its way down is sent again this often at most. */
const ATTEMPTS_MAX = 3
const LANES = 2
/** With fewer connections transactions would find none, so there are no lanes. */
const CONNECTIONS_MIN_FOR_LANES = 4

/** Makes a link; nothing is opened before it is needed. */
export function createNodeLink(options: NodeLinkOptions): NodeLink {
  return new Link(options)
}

class Link implements NodeLink {
  readonly pool: ConnectionPool
  readonly #lanes: Lanes
  readonly #context: TransactionContext

  constructor(options: NodeLinkOptions) {
    const { database, clock, statementTimeoutMs, isReadOnly, open } = options
    const lanes = lanesOf(options.connectionsMax)
    this.pool = createConnectionPool({
      ...options,
      connectionsMax: options.connectionsMax - lanes,
      open: () => open({ isReadOnly, isSingleStatement: false, statementTimeoutMs }),
    })
    this.#context = { database: this, pool: this.pool, clock, random: options.random }
    const laneLimitMs = statementTimeoutMs === 0 ? LANE_LIMIT_MS : Math.min(LANE_LIMIT_MS, statementTimeoutMs)
    this.#lanes = createLanes({
      database,
      count: lanes,
      clock,
      isElsewhereFree: () => this.pool.isFree,
      open: () => open({ isReadOnly: true, isSingleStatement: true, statementTimeoutMs: laneLimitMs }),
    })
  }

  async query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    const answer = await this.#lanes.query<Row>(text, values)
    if (answer !== undefined) return answer
    for (let attempt = 1; ; attempt++) {
      const session = await this.pool.acquire()
      try {
        return await session.query<Row>(text, values)
      } catch (error) {
        if (attempt === ATTEMPTS_MAX || !hadNoEffect(error)) throw error
      } finally {
        this.pool.release(session)
      }
    }
  }

  async read<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    const answer = await this.#lanes.query<Row>(text, values)
    return answer ?? runTransaction(this.#context, (tx) => tx.query<Row>(text, values), { isReadOnly: true })
  }

  get inFlight(): number {
    const { busy, waiting } = this.pool.stats()
    return busy + waiting + this.#lanes.inFlight
  }

  stats(): LinkStats {
    return { ...this.pool.stats(), laneInFlight: this.#lanes.inFlight }
  }

  renew(change: { connectionsMax: number; cutReason?: string | undefined }): void {
    const count = lanesOf(change.connectionsMax)
    this.#lanes.renew({ count, reason: change.cutReason ?? 'the address has changed' })
    this.pool.renew({ ...change, connectionsMax: change.connectionsMax - count })
  }

  async end(): Promise<void> {
    await Promise.all([this.#lanes.end(), this.pool.end()])
  }
}

/** How many of a process's connections are lanes. */
function lanesOf(connectionsMax: number): number {
  return connectionsMax < CONNECTIONS_MIN_FOR_LANES ? 0 : LANES
}
