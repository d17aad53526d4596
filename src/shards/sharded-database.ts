import diagnostics from 'node:diagnostics_channel'
import type { Kysely } from 'kysely'
import type { Clock } from '../core/clock.ts'
import { sleep, systemClock } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import type { CommitStatus, CommitToken } from '../sql/commit-status.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import type { StatementGuard } from '../sql/guarded-session.ts'
import { guardedKind } from '../sql/guarded-session.ts'
import { runnerKysely } from '../sql/runner-kysely.ts'
import type { ReadToken } from '../sql/position.ts'
import type { ReadOptions } from '../sql/read-view.ts'
import type { SqlResult } from '../sql/session.ts'
import { isServerError } from '../sql/sql-failure.ts'
import type { Transaction, TransactionOptions } from '../sql/transaction.ts'
import { NOT_HERE, SCHEMA } from './guard.ts'
import type { KeyedRead } from './keyed-read.ts'
import { createKeyedRead } from './keyed-read.ts'
import type { MapHolder } from './map-holder.ts'
import { createMapHolder } from './map-holder.ts'
import type { RoutedEvent } from './routed-event.ts'
import { ROUTED_CHANNEL } from './routed-event.ts'
import type { AllOptions, AllShards, AllShardsContext } from './scatter/all-shards.ts'
import { createAllShards, rememberedCatalog } from './scatter/all-shards.ts'
import type { Turns } from './scatter/turns.ts'
import { createTurns } from './scatter/turns.ts'
import type { KeyPlace } from './shard-map.ts'
import { placeOf } from './shard-map.ts'

/*
 * How a client finds a shard. The map is a hint; two answers of a shard say that it was wrong, and nothing has happened
 * or was used then:
 *
 * - a write, or the beginning of a transaction, is refused with SQLSTATE TF001 by the guard of the shard;
 * - behind a single statement, the shard says another epoch than the map has for it.
 *
 * The client then asks for a newer map and does it again where the key is now. While a bucket is between two shards there
 * is no newer map yet: it waits a little and looks again, up to a limit.
 *
 * What was read, or that no row was changed, counts if the shard said behind it that its epoch is that of the map, and the
 * map still has the bucket there since the same epoch as when the statement was sent. What leaves a shard never comes back in the same epoch, so the
 * bucket was there all the time, whatever maps came in between.
 */

/** Where the rows of one key live, now and after they have moved. */
export interface KeyHandle<Tables> {
  /** Query builder; each query is a transaction of its own. @throws TF_PEER_MISSING without kysely */
  readonly db: Kysely<Tables>
  /** Runs one statement; see `DatabaseConnection.query`. @throws TF_SHARD_MOVED the key did not come to rest in time */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>
  /**
   * Runs `work` in one transaction on the shard; nothing in it moves before it ends. `work` runs again, on another shard
   * perhaps, when the key has moved; see `DatabaseConnection.transaction`. @throws TF_SHARD_MOVED
   */
  transaction<R>(work: (tx: Transaction<Tables>) => Promise<R>, options?: TransactionOptions): Promise<R>
  /**
   * Reads from a replica of the shard, if one is close enough behind; see `ReadOptions`. What is read `after` a token is read on
   * the primary. @throws TF_USAGE a statement that may write; TF_SHARD_MOVED
   */
  read(options?: ReadOptions): KeyedRead<Tables>
  /** Stands for what has been committed on the shard of the key. */
  token(): Promise<ReadToken>
  committed(of: CommitToken | Error): Promise<CommitStatus>
}

/**
 * Reference tables on the first shard: they are written here, and copied to the others in a moment, where queries of keys
 * join them. What is read here is the newest.
 */
export interface ReferenceHandle<Tables> {
  /** Query builder; each query is a transaction of its own. @throws TF_PEER_MISSING without kysely */
  readonly db: Kysely<Tables>
  /** Runs one statement; see `DatabaseConnection.query`. */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>
  /** See `DatabaseConnection.transaction`. */
  transaction<R>(work: (tx: Transaction<Tables>) => Promise<R>, options?: TransactionOptions): Promise<R>
}

/** A database on several shards, as a service uses it. */
export interface ShardedDatabase<Tables, Key, Reference = Tables> {
  /** @throws TF_SHARD_KEY_INVALID, TF_SHARD_KEY_UNPLACED when it is used */
  shard(key: Key): KeyHandle<Tables>
  /** Reads over all shards, the only queries without a key. @throws TF_OPTION_INVALID */
  all(options?: AllOptions): AllShards<Tables>
  /** The tables that every shard holds whole, where they are written. */
  readonly reference: ReferenceHandle<Reference>
  /** Closes every connection; see `DatabaseConnection.end`. */
  end(): Promise<void>
}

/** @see createShardedDatabase */
export interface ShardedDatabaseOptions {
  /** Its name in what is measured. @default 'database' */
  readonly database?: string
  readonly shards: number
  /** Connects to a shard when it is first needed. */
  connect(shard: number, guard: StatementGuard): DatabaseConnection
  readonly clock?: Clock
}

const routed = diagnostics.channel(ROUTED_CHANNEL)
/** How long a statement waits for a key that is between two shards. */
const MOVING_MAX_MS = 5_000
const PAUSE_MIN_MS = 2
const PAUSE_MAX_MS = 50

/** Queries over all shards: so many at once for a shard, so that those with a key find connections. */
const ALL_LIMITS = { atOnce: 2, waitingMax: 200 }

/** Makes the client; the map is read when it is first used. */
export function createShardedDatabase<Tables = unknown, Key = string | number | bigint, Reference = Tables>(
  options: ShardedDatabaseOptions,
): ShardedDatabase<Tables, Key, Reference> {
  const { connect, clock = systemClock, database = 'database' } = options
  const connections: (DatabaseConnection | undefined)[] = []
  const at = (shard: number): DatabaseConnection => (connections[shard] ??= connect(shard, guard(shard)))
  const maps = createMapHolder({ shards: options.shards, at })

  function guard(shard: number): StatementGuard {
    return {
      text: `select epoch from ${SCHEMA}.state`,
      accept({ rows }) {
        if (rows[0]?.epoch !== maps.current?.shardEpochs[shard]) throw new WrongShard()
      },
    }
  }

  const turns: Turns[] = []
  const everywhere: AllShardsContext = {
    maps,
    clock,
    at,
    turns: (shard) => (turns[shard] ??= createTurns(ALL_LIMITS)),
    catalog: rememberedCatalog({ maps, at }),
  }

  const transaction: ReferenceHandle<Reference>['transaction'] = (work, transactionOptions) =>
    at(0).transaction((tx) => work(tx as Transaction<Reference>), transactionOptions)
  const query: ReferenceHandle<Reference>['query'] = (text, values) => transaction((tx) => tx.query(text, values))
  let referenceDb: Kysely<Reference> | undefined

  return {
    reference: {
      get db() {
        referenceDb ??= runnerKysely<Reference>({ query })
        return referenceDb
      },
      query,
      transaction,
    },
    all: (allOptions) => createAllShards<Tables>(everywhere, allOptions),
    shard: (key) => new RoutedKey<Tables>({ key, maps, at, clock, database }),
    async end() {
      await Promise.all(connections.map((connection) => connection?.end()))
    },
  }
}

/** A read may have been of what is elsewhere now. */
class WrongShard extends Error {}

interface Route {
  readonly database: string
  readonly key: unknown
  readonly maps: MapHolder
  readonly clock: Clock
  at(shard: number): DatabaseConnection
}

class RoutedKey<Tables> implements KeyHandle<Tables> {
  readonly #route: Route
  #db: Kysely<Tables> | undefined

  constructor(route: Route) {
    this.#route = route
  }

  get db(): Kysely<Tables> {
    this.#db ??= runnerKysely<Tables>(this)
    return this.#db
  }

  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    const kind = guardedKind(text)
    if (kind === 'other') return this.transaction((tx) => tx.query<Row>(text, values))
    return this.#routed(
      (connection) => connection.query<Row>(text, values),
      ({ rowCount }) => kind === 'read' || rowCount === 0,
    )
  }

  transaction<R>(work: (tx: Transaction<Tables>) => Promise<R>, options?: TransactionOptions): Promise<R> {
    return this.#routed((connection, { bucket, epoch }) => {
      const opening = `select ${SCHEMA}.enter(${bucket}, ${epoch})`
      return connection.transaction((tx) => work(tx as Transaction<Tables>), { ...options, opening })
    })
  }

  read(options: ReadOptions = {}): KeyedRead<Tables> {
    return createKeyedRead<Tables>(
      (run) =>
        this.#routed(
          (connection) => run(connection),
          () => true,
        ),
      options,
    )
  }

  token(): Promise<ReadToken> {
    return this.#routed((connection) => connection.token())
  }

  committed(of: CommitToken | Error): Promise<CommitStatus> {
    return this.#routed((connection) => connection.committed(of))
  }

  /** @param isDoubtful whether an answer says nothing if the bucket was elsewhere */
  async #routed<R>(
    run: (connection: DatabaseConnection, place: KeyPlace) => Promise<R>,
    isDoubtful: (answer: R) => boolean = () => false,
  ): Promise<R> {
    const { key, maps, at, clock, database } = this.#route
    const startMs = clock.nowMs()
    let pauseMs = PAUSE_MIN_MS
    for (;;) {
      const map = maps.current ?? (await maps.newer(undefined))
      const place = placeOf(map, key)
      if (routed.hasSubscribers) {
        routed.publish({ database, shard: place.shard, bucket: place.bucket, key } satisfies RoutedEvent)
      }
      try {
        const answer = await run(at(place.shard), place)
        if (!isDoubtful(answer) || isSamePlace(place, placeOf(maps.current ?? map, key))) return answer
      } catch (error) {
        const isElsewhere = error instanceof WrongShard || (isServerError(error) && error.code === NOT_HERE)
        if (!isElsewhere) throw error
        if (isServerError(error) && error.detail !== String(place.bucket)) throw otherKey(error)
        if (clock.nowMs() - startMs > MOVING_MAX_MS) throw moved(place, error)
        const newer = await maps.newer({ than: map, from: place.shard })
        if (newer.epoch > map.epoch) continue
        await sleep(clock, pauseMs)
        pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS)
      }
    }
  }
}

function isSamePlace(a: KeyPlace, b: KeyPlace): boolean {
  return a.shard === b.shard && a.epoch === b.epoch
}

function moved({ bucket, shard }: KeyPlace, cause: unknown): TenfoldError {
  return new TenfoldError(
    'TF_SHARD_MOVED',
    `expected bucket ${bucket} to come to rest within ${MOVING_MAX_MS / 1_000}s, but shard ${shard} did not have it`,
    { hint: 'see how far its move is: tenfold shards status', details: { bucket, shard }, cause },
  )
}

function otherKey(cause: Error): TenfoldError {
  return new TenfoldError(
    'TF_SHARD_KEY_INVALID',
    `expected to write rows of the shard key that was asked for, but ${cause.message}`,
    {
      hint: 'write the same key into the rows as was given to shard(key)',
      cause,
    },
  )
}
