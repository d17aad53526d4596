import type { Kysely } from 'kysely'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { Duration } from '../core/duration.ts'
import { parseDuration } from '../core/duration.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { freshSeed, seededRandom } from '../core/random.ts'
import type { CommitStatus, CommitToken } from './commit-status.ts'
import { waitForCommitStatus } from './commit-status.ts'
import type { StatementGuard } from './guarded-session.ts'
import { guardedSession } from './guarded-session.ts'
import { untilShown } from './hidden-commits.ts'
import { linkKysely } from './link-kysely.ts'
import type { Listener } from './listener.ts'
import { createListener } from './listener.ts'
import type { LinkStats, SessionUse } from './node-link.ts'
import { createNodeLink } from './node-link.ts'
import type { ReadToken } from './position.ts'
import { askPosition, formatToken } from './position.ts'
import type { DatabaseAddress, PrimaryAddress } from './primary-address.ts'
import { createPrimaryAddress, databaseOf } from './primary-address.ts'
import type { ReadNodes, ReadOptions, ReadView } from './read-view.ts'
import { createReadView } from './read-view.ts'
import { createReplicaSet } from './replica-set.ts'
import type { Session, SqlResult } from './session.ts'
import { openSession } from './session.ts'
import type {
  OwnTransactionOptions,
  Statement,
  Transaction,
  TransactionContext,
  TransactionOptions,
} from './transaction.ts'
import { runReads, runTransaction } from './transaction.ts'

export type { DatabaseAddress } from './primary-address.ts'

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
  /** The server cancels a statement that takes longer, never a COMMIT; undefined: no limit. */
  statementTimeout?: Duration
  /**
   * Asked when the primary can't be reached or is none any more: looks for a new address and gives it to `moveTo` before
   * it resolves. Never rejects. @default nobody knows another address
   */
  refresh?: () => Promise<void>
  /** Agrees to what single statements have answered, wherever they ran. @default every answer is right */
  guard?: StatementGuard
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
   * Runs one statement with `$1`, `$2`, … as parameters, on any connection to the primary.
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
   * @throws TF_COMMIT_INDETERMINATE nobody knows whether it committed; never retried; `committed` may find out
   * @throws what `work` throws, after a rollback
   */
  transaction<R>(work: (tx: Transaction<Tables>) => Promise<R>, options?: OwnTransactionOptions): Promise<R>
  /**
   * Runs statements in one transaction that may only read, in one round trip. They are sent again after a conflict or when
   * the connection is lost. Throws as `query`, what the first of them that fails has to say.
   */
  readTogether(
    statements: readonly Statement[],
    options?: Pick<TransactionOptions, 'statementTimeout'>,
  ): Promise<readonly SqlResult<unknown>[]>
  /** Reads, from a replica where one is good enough; see `ReadView`. Nothing happens before its first query. */
  read(options?: ReadOptions): ReadView<Tables>
  /** Stands for everything that has been committed so far: whoever reads `after` it sees that. Throws as `query`. */
  token(): Promise<ReadToken>
  /**
   * What became of a transaction that ended in TF_COMMIT_INDETERMINATE: asks the present primary, waiting for it if need
   * be. `unknown` if the error names no transaction, or the primary can't tell. Throws as `query`.
   */
  committed(of: CommitToken | Error): Promise<CommitStatus>
  /**
   * Calls back with the payload of each notification on the channel, on a connection of its own that is opened again when
   * it is lost; and with an empty one whenever it has been opened, because something may have been missed.
   */
  listen(channel: string, onNotification: (payload: string) => void): Listener
  stats(): LinkStats
  /**
   * Uses this address from now on. A new term ends everything that is under way on the primary of before; without one it
   * goes on to its end on the connections that it has. An address of an earlier term is ignored.
   */
  moveTo(address: DatabaseAddress): void
  /** Waits for the work in progress, then closes every connection. Safe to call twice. */
  end(): Promise<void>
}

/**
 * Connects to a database when it is first used; a server that restarts, or another that takes over, is waited for, up to
 * `acquireTimeout`.
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
  const random = options.random ?? seededRandom(freshSeed())
  const settings = {
    applicationName: options.applicationName ?? 'tenfold',
    connectTimeoutMs: parseDuration(options.connectTimeout ?? '5s'),
  }
  const limits = {
    database: databaseOf(address.url),
    waitingMax: positiveInteger('waitingMax', options.waitingMax ?? 1_000),
    acquireTimeoutMs: parseDuration(options.acquireTimeout ?? '5s'),
    idleTimeoutMs: parseDuration(options.idleTimeout ?? '30s'),
    statementTimeoutMs: options.statementTimeout === undefined ? 0 : parseDuration(options.statementTimeout),
    clock,
    random,
  }
  const { guard } = options
  const connect = async (url: string, use: SessionUse): Promise<Session> => {
    const session = await openSession({ ...settings, ...use, url })
    return guard === undefined ? session : guardedSession(session, guard)
  }
  const place = createPrimaryAddress(address, { connect, refresh: options.refresh ?? (async () => {}) })
  const primary = createNodeLink({
    ...limits,
    connectionsMax: positiveInteger('connectionsMax', address.connectionsMax),
    isReadOnly: false,
    open: (use) => place.open(use),
  })
  const replicas = createReplicaSet({
    clock,
    primaryPosition: () => askPosition({ ask: (text, values) => primary.query(text, values) }, place.hasTerms),
    link: (url) =>
      createNodeLink({
        ...limits,
        // Nobody waits for a replica: there is the primary.
        acquireTimeoutMs: Math.min(limits.acquireTimeoutMs, REPLICA_ACQUIRE_MS),
        connectionsMax: place.current.connectionsMax,
        isReadOnly: true,
        open: (use) => connect(url, use),
      }),
  })
  return new PrimaryDatabase<Tables>({
    place,
    primary,
    replicas,
    clock,
    random,
    async untilShown(seen) {
      const { database, acquireTimeoutMs: waitMs } = limits
      if (place.hasTerms) await untilShown({ primary, seen, database, waitMs, clock })
    },
  })
}

const REPLICA_ACQUIRE_MS = 250

interface Parts extends ReadNodes {
  readonly place: PrimaryAddress
  readonly clock: Clock
  readonly random: Random
}

class PrimaryDatabase<Tables> implements DatabaseConnection<Tables> {
  readonly #parts: Parts
  readonly #context: TransactionContext
  readonly #listeners = new Set<Listener>()
  #db: Kysely<Tables> | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    this.#context = { database: this, pool: parts.primary.pool, clock: parts.clock, random: parts.random }
    this.#followReplicas()
  }

  get db(): Kysely<Tables> {
    this.#db ??= linkKysely<Tables>(this.#parts.primary)
    return this.#db
  }

  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    return this.#parts.primary.query<Row>(text, values)
  }

  transaction<R>(work: (tx: Transaction<Tables>) => Promise<R>, options?: OwnTransactionOptions): Promise<R> {
    return runTransaction(this.#context, work, options)
  }

  readTogether(
    statements: readonly Statement[],
    options?: Pick<TransactionOptions, 'statementTimeout'>,
  ): Promise<readonly SqlResult<unknown>[]> {
    return runReads(this.#context, statements, options)
  }

  read(options: ReadOptions = {}): ReadView<Tables> {
    return createReadView<Tables>(this.#parts, options)
  }

  async token(): Promise<ReadToken> {
    const { primary, place } = this.#parts
    return formatToken(await askPosition({ ask: (text, values) => primary.query(text, values) }, place.hasTerms))
  }

  committed(of: CommitToken | Error): Promise<CommitStatus> {
    const { primary, place, clock } = this.#parts
    return waitForCommitStatus(of, {
      clock,
      hasTerms: place.hasTerms,
      query: (text, values) => primary.query(text, values),
    })
  }

  listen(channel: string, onNotification: (payload: string) => void): Listener {
    const { place, clock } = this.#parts
    const listener = createListener({
      clock,
      channel,
      onNotification,
      open: () => place.open({ isReadOnly: false, isSingleStatement: false, statementTimeoutMs: 0 }),
    })
    this.#listeners.add(listener)
    return listener
  }

  stats(): LinkStats {
    return this.#parts.primary.stats()
  }

  moveTo(address: DatabaseAddress): void {
    const { place, primary } = this.#parts
    const connectionsMax = positiveInteger('connectionsMax', address.connectionsMax)
    const change = place.moveTo(address)
    if (change === 'ignored') return
    if (change === 'moved') primary.renew({ connectionsMax })
    if (change === 'new-term') {
      primary.renew({ connectionsMax, cutReason: `term ${address.term} has begun on another primary` })
    }
    for (const listener of this.#listeners) listener.renew()
    this.#followReplicas()
  }

  async end(): Promise<void> {
    const ended = [...this.#listeners].map((listener) => listener.end())
    await Promise.all([this.#parts.primary.end(), this.#parts.replicas.end(), ...ended])
  }

  #followReplicas(): void {
    const { place, replicas } = this.#parts
    replicas.moveTo((place.current.replicas ?? []).map(({ url }) => url))
  }
}

function positiveInteger(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new TenfoldError('TF_OPTION_INVALID', `expected ${name} to be a positive whole number, got ${value}`)
}
