import type { Kysely } from 'kysely'
import type { Blueprint } from '../blueprint/define-system.ts'
import type { Carried, Shape } from '../blueprint/shape.ts'
import type { ShardedDatabase } from '../shards/sharded-database.ts'
import type { CommitStatus, CommitToken } from '../sql/commit-status.ts'
import type { ReadToken } from '../sql/position.ts'
import type { ReadOptions, ReadView } from '../sql/read-view.ts'
import type { Transaction, TransactionOptions } from '../sql/transaction.ts'
import type { EnqueuerHandle, WorkerHandle } from './queue-handles.ts'
import type { Consumer, Publisher } from './topic-handles.ts'

/** Names of the services of a system. */
export type ServiceName<System> =
  System extends Blueprint<infer _Databases, infer _Caches, infer _Topics, infer _Queues, infer Services>
    ? keyof Services & string
    : never

/**
 * What `bind<System, Name>()` gives: a handle for each name that the service lists in the blueprint, and nothing else.
 */
export type Bindings<System, Name extends ServiceName<System>> =
  System extends Blueprint<infer Databases, infer Caches, infer Topics, infer Queues, infer Services>
    ? Name extends keyof Services
      ? {
          readonly databases: {
            readonly [N in Listed<Services[Name], 'databases'>]: N extends keyof Databases
              ? HandleOf<Databases[N]>
              : never
          }
          readonly caches: {
            readonly [N in Listed<Services[Name], 'caches'>]: N extends keyof Caches
              ? CacheHandle<Carried<Caches[N]>>
              : never
          }
          readonly publishes: {
            readonly [N in Listed<Services[Name], 'publishes'>]: N extends keyof Topics
              ? Publisher<Carried<Topics[N]>>
              : never
          }
          readonly consumes: {
            readonly [N in Listed<Services[Name], 'consumes'>]: N extends keyof Topics
              ? Consumer<Carried<Topics[N]>>
              : never
          }
          readonly enqueues: {
            readonly [N in Listed<Services[Name], 'enqueues'>]: N extends keyof Queues
              ? EnqueuerHandle<Carried<Queues[N]>>
              : never
          }
          readonly works: {
            readonly [N in Listed<Services[Name], 'works'>]: N extends keyof Queues
              ? WorkerHandle<Carried<Queues[N]>>
              : never
          }
          readonly services: { readonly [N in Listed<Services[Name], 'calls'>]: ServiceHandle }
        }
      : never
    : never

/** A PostgreSQL database on one cluster. */
export interface DatabaseHandle<Tables> {
  /** Kysely on the primary; each query is its own transaction. Short reads share connections, the rest takes its own. */
  readonly db: Kysely<Tables>
  /**
   * Runs `work` in one transaction: committed when it returns, rolled back when it throws. `work` runs again after a
   * serialization failure or a deadlock: keep effects outside the database in `afterCommit`.
   *
   * @throws TF_COMMIT_INDETERMINATE when the connection was lost during COMMIT: it may or may not have happened, and
   * `committed` may find out
   */
  transaction<Result>(work: (tx: Transaction<Tables>) => Promise<Result>, options?: TransactionOptions): Promise<Result>
  /** Reads from a replica that is close enough behind the primary and has what `after` stands for, else the primary. */
  read(options?: ReadOptions): ReadView<Tables>
  /** Stands for everything that has been committed so far: whoever reads `after` it sees that. */
  token(): Promise<ReadToken>
  /** What became of a transaction that ended in TF_COMMIT_INDETERMINATE, asked of the present primary. */
  committed(of: CommitToken | Error): Promise<CommitStatus>
}

/**
 * A database with a shard key: a row is reached through its key, so that no query can miss its shard.
 *
 * @example await databases.orders.shard(userId).db.selectFrom('order').selectAll().where('user_id', '=', userId).execute()
 */
export type ShardedDatabaseHandle<Tables, Key, Reference = Tables> = Omit<
  ShardedDatabase<Tables, Key, Reference>,
  'end'
>

/** Values kept close. */
export interface CacheHandle<Value> {
  /** The value, or what `load` returns, which is then kept. One load at a time for a key. */
  getOrLoad(key: string, load: () => Promise<Value>): Promise<Value>
  /** The value if it is at hand, without waiting. */
  get(key: string): Value | undefined
}

/** Another service, called through the gateway's internal listener. */
export interface ServiceHandle {
  /**
   * `fetch` with a path in place of a URL: balancing, deadline and retry budget apply. A call made while a request is
   * handled has until that request's deadline.
   *
   * @throws TF_DEADLINE_EXCEEDED when that has passed, before anything is sent, or passes before the answer begins
   */
  fetch(path: string, init?: RequestInit): Promise<Response>
}

/** Names in one of a service's lists; a list that is not a literal gives nothing. */
type Listed<Service, List extends string> = Service extends {
  readonly [P in List]: readonly (infer Name extends string)[]
}
  ? Name
  : never

/** Tables whose types the blueprint does not say. */
type UnknownTables = Record<string, Record<string, unknown>>

type TablesOf<Database> = Database extends { readonly tables: infer Tables extends Shape<unknown> }
  ? Carried<Tables>
  : UnknownTables

type ReferenceOf<Database> = Database extends { readonly reference: readonly (infer Name extends string)[] }
  ? Name
  : never

type HandleOf<Database> = Database extends { readonly key: infer Key extends string }
  ? ShardedDatabaseHandle<
      TablesOf<Database>,
      KeyValue<Omit<TablesOf<Database>, ReferenceOf<Database>>, Key>,
      Pick<TablesOf<Database>, ReferenceOf<Database> & keyof TablesOf<Database>>
    >
  : DatabaseHandle<TablesOf<Database>>

/** What the key column holds; a generated column, as Kysely types it, counts as what is selected from it. */
type KeyValue<Tables, Key extends string> = {
  [Table in keyof Tables]: Key extends keyof Tables[Table] ? Selected<Tables[Table][Key]> : never
}[keyof Tables]

type Selected<Column> = Column extends { readonly __select__: infer Value } ? Value : Column
