import type { StandardSchema } from '../blueprint/standard-schema.ts'
import type { Clock } from '../core/clock.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import { createConsumer } from '../topics/consumer.ts'
import type { Handler, HandlerContext, ReceivedEvent } from '../topics/handler.ts'
import { createMovingRelay } from '../topics/logs/moving-log.ts'
import { isElsewhere, readMove } from '../topics/logs/postgres/move-topic.ts'
import type { PostgresLog } from '../topics/logs/postgres/postgres-log.ts'
import { createPostgresLagReader } from '../topics/logs/postgres/read-lag.ts'
import { hasEvents } from '../topics/logs/postgres/topic-catalog.ts'
import { createRelay } from '../topics/outbox-relay.ts'
import { RELAY_GROUP } from '../topics/relay-group.ts'
import { createPublisher } from '../topics/publisher.ts'
import type { TopicTransaction } from '../topics/topic-database.ts'
import type { TopicLog } from '../topics/topic-log.ts'
import type { BindingsDocument, TopicBinding } from './bindings-document.ts'
import type { BoundDatabases } from './bound-databases.ts'
import { foreignTransaction } from './bound-databases.ts'
import type { DatabasePlace } from './bound-database.ts'
import type { Handlers } from './handlers.ts'
import type { Outbox, OutboxRelays } from './outbox-relays.ts'
import { createOutboxRelays } from './outbox-relays.ts'
import { createPublishPlace } from './publish-place.ts'
import type { TopicLogs } from './topic-logs.ts'
import { createTopicLogs, isOutside } from './topic-logs.ts'
import type { ConsumeOptions, Consumer, Publisher, PublishTransaction } from './topic-handles.ts'
import { tracedBatch, tracedHandling, tracedSend, traceHeaders } from './traced-messages.ts'

/** The topics of a service. */
export interface BoundTopics {
  readonly publishes: Readonly<Record<string, Publisher<unknown>>>
  readonly consumes: Readonly<Record<string, Consumer<unknown>>>
  /** Takes over who reads the topics now. */
  rebind(document: BindingsDocument): void
  /**
   * Call it when the handlers have stopped.
   *
   * @param isLast whether no other process of the service may come soon: what is in outboxes is moved before
   */
  close(deadlineMs: number, isLast: boolean): Promise<void>
}

/** @see bindTopics */
export interface BindTopicsOptions {
  readonly document: BindingsDocument
  readonly schemas: ReadonlyMap<string, StandardSchema>
  readonly databases: BoundDatabases
  readonly handlers: Handlers
  readonly clock: Clock
}

/** Connects a service to its topics. Nothing is opened before it is used. */
export function bindTopics(options: BindTopicsOptions): BoundTopics {
  return new ServiceTopics(options)
}

interface TopicOutbox extends Outbox {
  readonly place: DatabasePlace
  readonly log: PostgresLog
}

class ServiceTopics implements BoundTopics {
  readonly publishes: Readonly<Record<string, Publisher<unknown>>>
  readonly consumes: Readonly<Record<string, Consumer<unknown>>>
  readonly #options: BindTopicsOptions
  readonly #logs: TopicLogs
  readonly #outboxes = new Map<string, TopicOutbox>()
  readonly #relays: OutboxRelays

  constructor(options: BindTopicsOptions) {
    const { publishes = {}, consumes = {} } = options.document
    this.#options = options
    this.#logs = createTopicLogs(options.document, options.databases, options.clock)
    this.#relays = createOutboxRelays(
      () => Object.entries(publishes).flatMap(([topic, binding]) => this.#outboxesOf(topic, binding)),
      options.clock,
    )
    this.publishes = mapped(publishes, (topic, binding) => this.#publisher(topic, binding))
    this.consumes = mapped(consumes, (topic, binding) => this.#consumer(topic, binding))
  }

  rebind(document: BindingsDocument): void {
    this.#logs.rebind(document)
  }

  async close(deadlineMs: number, isLast: boolean): Promise<void> {
    await this.#relays.stop(deadlineMs, isLast)
    await this.#logs.end()
  }

  #publisher(topic: string, binding: TopicBinding): Publisher<unknown> {
    const { schemas, databases, clock } = this.#options
    const { key, database, isStrict = false } = binding
    const home = databases.connection(database)
    const into = (log: TopicLog): Publisher<unknown> =>
      createPublisher({ log, topic, key, isStrict, schema: schemas.get(topic), headers: traceHeaders })
    const direct = into(this.#logs.inDatabase(home))
    const place = createPublishPlace({
      hasMoved: async () => (await readMove(home, topic)) === 'moved',
      isWaiting: () => hasUnrelayed(home, topic),
      clock,
    })
    return {
      publish: (events, how = {}) =>
        tracedSend('publish', topic, clock, async () => {
          const { transaction } = how
          if (isOutside(binding) && transaction === undefined && (await place.isEngine())) {
            return into(this.#logs.onEngine(binding)).publish(events, how)
          }
          const outbox = this.#outboxFor(topic, binding, transaction)
          await (outbox === undefined ? direct : into(outbox.log)).publish(events, how)
          if (outbox === undefined) return
          // What is in another database passes through that of the topic.
          const last = this.#outboxFor(topic, binding, undefined)
          const wake = (): void => {
            for (const each of new Set([outbox, last])) if (each !== undefined) this.#relays.wake(each)
          }
          if (transaction === undefined) wake()
          else transaction.afterCommit(wake)
        }),
    }
  }

  /** Undefined: the log of the topic is there. */
  #outboxFor(
    topic: string,
    binding: TopicBinding,
    transaction: PublishTransaction | undefined,
  ): TopicOutbox | undefined {
    const home = this.#options.databases.connection(binding.database)
    const from = transaction === undefined ? home : transaction.database
    const outbox = this.#outboxesOf(topic, binding).find(({ place }) => place.isOf(from))
    if (outbox === undefined && from !== home) throw foreignTransaction(topic)
    return outbox
  }

  #outboxesOf(topic: string, binding: TopicBinding): readonly TopicOutbox[] {
    const { databases } = this.#options
    const others = databases.listed.filter((name) => name !== binding.database)
    // What is in another database passes through that of the topic.
    return [...others, ...(isOutside(binding) ? [binding.database] : [])]
      .flatMap((name) => databases.places(name))
      .map((place) => this.#outboxAt(place, topic, binding))
  }

  #outboxAt(place: DatabasePlace, topic: string, binding: TopicBinding): TopicOutbox {
    const id = `${place.name} ${topic}`
    const known = this.#outboxes.get(id)
    if (known !== undefined) return known
    const { databases, clock } = this.#options
    const { connection: database } = place
    const home = databases.connection(binding.database)
    const log = this.#logs.inDatabase(database)
    const outbox: TopicOutbox = {
      name: topic,
      place,
      log,
      isUsed: () => hasEvents(database, topic),
      ...(isOutside(binding) && database === home
        ? {
            isWaiting: async () => isElsewhere(await readMove(home, topic)) && hasUnrelayed(home, topic),
            relay: () =>
              createMovingRelay({ topic, from: log, database: home, to: this.#logs.onEngine(binding), clock }),
          }
        : {
            isWaiting: () => hasUnrelayed(database, topic),
            relay: () => createRelay({ topic, outbox: log, log: this.#logs.inDatabase(home), database: home, clock }),
          }),
    }
    this.#outboxes.set(id, outbox)
    return outbox
  }

  #consumer(topic: string, binding: TopicBinding): Consumer<unknown> {
    const { clock } = this.#options
    return {
      each: (handler, options) =>
        this.#consume(topic, binding, { each: tracedHandling(topic, clock, handler as Each) }, options as Options),
      batch: (handler, options) =>
        this.#consume(topic, binding, { batch: tracedBatch(topic, clock, handler as Batch) }, options as Options),
    }
  }

  #consume(
    topic: string,
    binding: TopicBinding,
    handler: Handler<unknown, Transaction>,
    { effects, ...more }: Options = {},
  ): Promise<void> {
    const { document, schemas, databases, handlers, clock } = this.#options
    return handlers.start(`topic ${topic}`, () =>
      createConsumer<unknown, Transaction>({
        ...more,
        log: this.#logs.toRead(binding),
        topic,
        group: document.service,
        schema: schemas.get(topic),
        handler,
        effects: effects === undefined ? undefined : databases.effects(effects),
        clock,
      }),
    )
  }
}

/** A group that has not begun has everything before it. */
async function hasUnrelayed(database: DatabaseConnection, topic: string): Promise<boolean> {
  const { partitions } = await createPostgresLagReader(database).read()
  const relayed = partitions.filter((partition) => partition.topic === topic && partition.group === RELAY_GROUP)
  return relayed.length === 0 || relayed.some(({ unread }) => unread > 0)
}

/** The types of `Bindings` know which it is. */
type Transaction = TopicTransaction | undefined
type Options = ConsumeOptions<Transaction>
type Each = (event: ReceivedEvent<unknown>, context: HandlerContext<Transaction>) => Promise<void>
type Batch = (events: readonly ReceivedEvent<unknown>[], context: HandlerContext<Transaction>) => Promise<void>

function mapped<Given, Result>(
  given: Readonly<Record<string, Given>>,
  each: (name: string, value: Given) => Result,
): Readonly<Record<string, Result>> {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, each(name, value)]))
}
