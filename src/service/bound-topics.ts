import type { StandardSchema } from '../blueprint/standard-schema.ts'
import type { Clock } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import { formatTraceparent, parseTraceparent } from '../core/trace-context.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import { createConsumer } from '../topics/consumer.ts'
import type { EffectsDatabase, Handler, HandlerContext, ReceivedEvent } from '../topics/handler.ts'
import type { PostgresLog } from '../topics/logs/postgres/postgres-log.ts'
import { createPostgresLog } from '../topics/logs/postgres/postgres-log.ts'
import { createPublisher } from '../topics/publisher.ts'
import type { TopicTransaction } from '../topics/topic-database.ts'
import type { BindingsDocument, TopicBinding } from './bindings-document.ts'
import { traceStorage } from './current-trace.ts'
import type { Outbox } from './outbox-relays.ts'
import { createOutboxRelays } from './outbox-relays.ts'
import { startPersistently } from './start-persistently.ts'
import type { ConsumeOptions, Consumer, Publisher, PublishTransaction } from './topic-handles.ts'
import { traced } from './traced-work.ts'

/** The topics of a service. */
export interface BoundTopics {
  readonly publishes: Readonly<Record<string, Publisher<unknown>>>
  readonly consumes: Readonly<Record<string, Consumer<unknown>>>
  /** Handlers under way are finished, within the deadline; partitions go to other instances. */
  close(deadlineMs: number): Promise<void>
}

/** @see bindTopics */
export interface BindTopicsOptions {
  readonly document: BindingsDocument
  readonly schemas: ReadonlyMap<string, StandardSchema>
  /** By name: those that the service lists, and those behind its topics. */
  readonly databases: ReadonlyMap<string, DatabaseConnection>
  /** The database behind a handle; undefined if it is none. */
  databaseOf(handle: object): DatabaseConnection | undefined
  /** Called when every handler so far takes part. */
  onConsuming(): void
  readonly clock: Clock
}

/** Connects a service to its topics. Nothing is opened before it is used. */
export function bindTopics(options: BindTopicsOptions): BoundTopics {
  return new ServiceTopics(options)
}

class ServiceTopics implements BoundTopics {
  readonly publishes: Readonly<Record<string, Publisher<unknown>>>
  readonly consumes: Readonly<Record<string, Consumer<unknown>>>
  readonly #options: BindTopicsOptions
  readonly #logs = new Map<DatabaseConnection, PostgresLog>()
  readonly #consumers = new Map<string, ReturnType<typeof createConsumer>>()
  readonly #closed = new AbortController()
  readonly #outboxes: readonly Outbox[]
  readonly #relays: ReturnType<typeof createOutboxRelays>
  #joining = 0

  constructor(options: BindTopicsOptions) {
    const { publishes = {}, consumes = {} } = options.document
    this.#options = options
    this.#outboxes = Object.entries(publishes).flatMap(([topic, binding]) => this.#outboxesOf(topic, binding))
    this.#relays = createOutboxRelays(this.#outboxes, options.clock)
    this.publishes = mapped(publishes, (topic, binding) => this.#publisher(topic, binding))
    this.consumes = mapped(consumes, (topic, binding) => this.#consumer(topic, binding))
  }

  async close(deadlineMs: number): Promise<void> {
    this.#closed.abort()
    const consumers = [...this.#consumers.values()].map((consumer) => consumer.stop(deadlineMs))
    await Promise.all([...consumers, this.#relays.stop(deadlineMs)])
    await Promise.all([...this.#logs.values()].map((log) => log.end()))
  }

  #publisher(topic: string, { key, database }: TopicBinding): Publisher<unknown> {
    const { schemas, clock } = this.#options
    const home = this.#database(database)
    const headers = (): Record<string, string> => {
      const context = traceStorage().getStore()
      return context === undefined ? {} : { traceparent: formatTraceparent(context) }
    }
    const publisherInto = (log: PostgresLog): Publisher<unknown> =>
      createPublisher({ log, topic, key, schema: schemas.get(topic), headers })
    const direct = publisherInto(this.#logIn(home))
    return {
      publish: (events, how = {}) =>
        traced(
          { name: `publish ${topic}`, kind: 'producer', attributes: attributesOf(topic) },
          { parent: traceStorage().getStore(), clock },
          async () => {
            const outbox = this.#outboxFor(topic, home, how.transaction)
            if (outbox === undefined) return direct.publish(events, how)
            await publisherInto(outbox.from.log as PostgresLog).publish(events, how)
            how.transaction?.afterCommit(() => this.#relays.wake(outbox))
          },
        ),
    }
  }

  /** Undefined: the log itself takes it. */
  #outboxFor(topic: string, home: DatabaseConnection, transaction: PublishTransaction | undefined): Outbox | undefined {
    if (transaction === undefined || transaction.database === home) return undefined
    const outbox = this.#outboxes.find((each) => each.topic === topic && each.from.database === transaction.database)
    if (outbox !== undefined) return outbox
    throw new TenfoldError(
      'TF_OPTION_INVALID',
      `expected the transaction that publishes ${topic} to be of a database that the service lists`,
      { hint: 'use the transaction of databases.NAME.transaction(…)', details: { topic } },
    )
  }

  #outboxesOf(topic: string, { database }: TopicBinding): readonly Outbox[] {
    const others = Object.keys(this.#options.document.databases).filter((name) => name !== database)
    const place = (name: string): Outbox['from'] => {
      const connection = this.#database(name)
      return { database: connection, log: this.#logIn(connection) }
    }
    return others.map((name) => ({ topic, from: place(name), to: place(database) }))
  }

  #consumer(topic: string, { database }: TopicBinding): Consumer<unknown> {
    const log = this.#logIn(this.#database(database))
    return {
      each: (handler, options) =>
        this.#consume(
          topic,
          log,
          { each: this.#tracedEach(topic, handler as Each) },
          options as ConsumeOptions<Transaction>,
        ),
      batch: (handler, options) =>
        this.#consume(
          topic,
          log,
          { batch: this.#tracedBatch(topic, handler as Batch) },
          options as ConsumeOptions<Transaction>,
        ),
    }
  }

  async #consume(
    topic: string,
    log: PostgresLog,
    handler: Handler<unknown, Transaction>,
    { effects, ...more }: ConsumeOptions<Transaction> = {},
  ): Promise<void> {
    const { document, schemas, clock, onConsuming } = this.#options
    if (this.#closed.signal.aborted) throw isClosed(topic)
    if (this.#consumers.has(topic)) throw hasHandler(topic)
    const consumer = createConsumer<unknown, Transaction>({
      ...more,
      log,
      topic,
      group: document.service,
      schema: schemas.get(topic),
      handler,
      effects: effects === undefined ? undefined : this.#effectsIn(topic, effects),
      clock,
    })
    this.#consumers.set(topic, consumer)
    this.#joining++
    await startPersistently(consumer, { clock, signal: this.#closed.signal, what: `reading ${topic}` })
    this.#joining--
    if (this.#joining === 0) onConsuming()
  }

  /** The connection itself, which the log can know. */
  #effectsIn(topic: string, handle: EffectsDatabase<Transaction>): EffectsDatabase<Transaction> {
    const database = this.#options.databaseOf(handle)
    if (database !== undefined) return database as unknown as EffectsDatabase<Transaction>
    throw new TenfoldError(
      'TF_OPTION_INVALID',
      `expected the effects of ${topic} to be in a database that the service lists`,
      { hint: 'write { effects: databases.NAME }', details: { topic } },
    )
  }

  #tracedEach(topic: string, handler: Each): Each {
    return (event, context) => {
      const { traceparent = '' } = event.headers
      const attributes = { ...attributesOf(topic), 'messaging.message.id': event.messageId }
      return traced(
        { name: `process ${topic}`, kind: 'consumer', attributes },
        { parent: parseTraceparent(traceparent), clock: this.#options.clock },
        () => handler(event, context),
      )
    }
  }

  /** Of many traces: one of its own. */
  #tracedBatch(topic: string, handler: Batch): Batch {
    return (events, context) =>
      traced(
        {
          name: `process ${topic}`,
          kind: 'consumer',
          attributes: { ...attributesOf(topic), 'messaging.batch.message_count': events.length },
        },
        { parent: undefined, clock: this.#options.clock },
        () => handler(events, context),
      )
  }

  #logIn(database: DatabaseConnection): PostgresLog {
    const known = this.#logs.get(database)
    if (known !== undefined) return known
    const log = createPostgresLog(database, { clock: this.#options.clock })
    this.#logs.set(database, log)
    return log
  }

  #database(name: string): DatabaseConnection {
    const database = this.#options.databases.get(name)
    if (database !== undefined) return database
    throw new TenfoldError('TF_BINDINGS_INVALID', `expected an address for ${name} in the bindings, got none`, {
      hint: 'start the service with the version of tenfold that it imports',
    })
  }
}

/** The types of `Bindings` know which it is. */
type Transaction = TopicTransaction | undefined
type Each = (event: ReceivedEvent<unknown>, context: HandlerContext<Transaction>) => Promise<void>
type Batch = (events: readonly ReceivedEvent<unknown>[], context: HandlerContext<Transaction>) => Promise<void>

function attributesOf(topic: string): Readonly<Record<string, string>> {
  return { 'messaging.system': 'tenfold', 'messaging.destination.name': topic }
}

function hasHandler(topic: string): TenfoldError {
  return new TenfoldError('TF_USAGE', `expected one handler for ${topic}, got a second one`, {
    hint: 'do both in one handler, or in two services: each reads the whole topic',
    details: { topic },
  })
}

function isClosed(topic: string): TenfoldError {
  return new TenfoldError('TF_ABORTED', `expected to read ${topic}, but the process is about to leave`)
}

function mapped<Given, Result>(
  given: Readonly<Record<string, Given>>,
  each: (name: string, value: Given) => Result,
): Readonly<Record<string, Result>> {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, each(name, value)]))
}
