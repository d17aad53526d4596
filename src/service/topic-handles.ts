import type { EffectsDatabase, Handler } from '../topics/handler.ts'
import type { RetryOptions } from '../topics/retry-policy.ts'
import type { TopicTransaction } from '../topics/topic-database.ts'

/** Writes events to a topic. */
export interface Publisher<Event> {
  /**
   * Publishes one event, or several together in the order given. Durable when it resolves; given a transaction of any
   * database that the service lists, when that has committed, and not at all if it does not.
   *
   * Order: what is published after an earlier publish has resolved comes after it. Events of one key that are published in
   * transactions keep the order of the commits if each transaction changes the same row first, as that of the user.
   *
   * @throws TF_EVENT_INVALID one of them is not what the schema says, or has no key: none is published
   * @throws TF_OPTION_INVALID the transaction is of a database that the service does not list
   */
  publish(events: Event | readonly Event[], options?: PublishOptions): Promise<void>
}

export interface PublishOptions {
  /** Publishes if this commits. @default at once */
  transaction?: PublishTransaction
  /** For consumers; the trace goes along by itself. @default none */
  headers?: Readonly<Record<string, string>>
}

/** As much of a `Transaction` as publishing needs, whatever its tables are. */
export interface PublishTransaction extends TopicTransaction {
  readonly database: object
}

/**
 * Reads the events of a topic: each goes to one instance of the service, at least once, in order within its key. One handler
 * for a topic, which runs until the process leaves.
 */
export interface Consumer<Event> {
  /**
   * Calls `handler` for each event: one at a time of each key, many keys side by side. What it throws is a try that has
   * failed; see `retry`. Resolves when this instance takes part; waits for a database that is not there.
   *
   * @throws TF_USAGE the topic has a handler already
   */
  each<Transaction = undefined>(
    handler: Extract<Handler<Event, Transaction>, { each: unknown }>['each'],
    options?: ConsumeOptions<Transaction>,
  ): Promise<void>
  /**
   * Calls `handler` for many events at once, of one partition and in order: all of them are done, or none. The fastest way
   * to have effects in the database that holds the topic. Otherwise as `each`.
   */
  batch<Transaction = undefined>(
    handler: Extract<Handler<Event, Transaction>, { batch: unknown }>['batch'],
    options?: ConsumeOptions<Transaction>,
  ): Promise<void>
}

export interface ConsumeOptions<Transaction = undefined> {
  /**
   * A database of the service. What the handler writes with `context.transaction` happens once for each event, however often
   * it is delivered. @default none: each event is handled at least once
   */
  effects?: EffectsDatabase<Transaction>
  /** Where the service begins when it reads the topic for the first time. @default 'beginning' */
  from?: 'beginning' | 'now'
  /** Calls of the handler at once in this process. @default 8 */
  concurrency?: number
  /** Events in one call of a batch handler. At most 10000. @default 100 */
  batchMax?: number
  /** Events that are read and not finished, for each partition. @default 200 */
  inFlightMax?: number
  /** How often an event is tried, and what becomes of it then. @default five times, then a dead letter */
  retry?: RetryOptions
}
