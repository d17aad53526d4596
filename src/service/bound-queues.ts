import type { StandardSchema } from '../blueprint/standard-schema.ts'
import type { Clock } from '../core/clock.ts'
import type { Enqueuer } from '../queues/enqueuer.ts'
import { createEnqueuer } from '../queues/enqueuer.ts'
import type { ItemContext, ItemHandler, ReceivedItem } from '../queues/item-handler.ts'
import { createQueueRelay, outboxQueue, withOutbox } from '../queues/queue-outbox.ts'
import { hasItems } from '../queues/queues/postgres/queue-catalog.ts'
import { createWorker } from '../queues/worker.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import type { TopicTransaction } from '../topics/topic-database.ts'
import type { BindingsDocument, QueueBinding } from './bindings-document.ts'
import type { BoundDatabases } from './bound-databases.ts'
import { foreignTransaction } from './bound-databases.ts'
import type { DatabasePlace } from './bound-database.ts'
import type { Handlers } from './handlers.ts'
import type { Outbox, OutboxRelays } from './outbox-relays.ts'
import { createOutboxRelays } from './outbox-relays.ts'
import type { QueueEngines } from './queue-engines.ts'
import { createQueueEngines } from './queue-engines.ts'
import type { EnqueuerHandle, WorkerHandle, WorkOptions } from './queue-handles.ts'
import type { PublishTransaction } from './topic-handles.ts'
import { tracedBatch, tracedHandling, tracedSend, traceHeaders } from './traced-messages.ts'

/** The queues of a service. */
export interface BoundQueues {
  readonly enqueues: Readonly<Record<string, EnqueuerHandle<unknown>>>
  readonly works: Readonly<Record<string, WorkerHandle<unknown>>>
  /**
   * Call it when the handlers have stopped.
   *
   * @param isLast whether no other process of the service may come soon: what is in outboxes is moved before
   */
  close(deadlineMs: number, isLast: boolean): Promise<void>
}

/** @see bindQueues */
export interface BindQueuesOptions {
  readonly document: BindingsDocument
  readonly schemas: ReadonlyMap<string, StandardSchema>
  readonly databases: BoundDatabases
  readonly handlers: Handlers
  readonly clock: Clock
}

/** Connects a service to its queues. Nothing is opened before it is used. */
export function bindQueues(options: BindQueuesOptions): BoundQueues {
  return new ServiceQueues(options)
}

interface QueueOutbox extends Outbox {
  readonly place: DatabasePlace
  readonly enqueuer: Enqueuer<unknown>
}

class ServiceQueues implements BoundQueues {
  readonly enqueues: Readonly<Record<string, EnqueuerHandle<unknown>>>
  readonly works: Readonly<Record<string, WorkerHandle<unknown>>>
  readonly #options: BindQueuesOptions
  readonly #engines: QueueEngines
  readonly #outboxes = new Map<string, QueueOutbox>()
  readonly #relays: OutboxRelays

  constructor(options: BindQueuesOptions) {
    const { enqueues = {}, works = {} } = options.document
    this.#options = options
    this.#engines = createQueueEngines(options.document, options.databases, options.clock)
    this.#relays = createOutboxRelays(
      () => Object.entries(enqueues).flatMap(([queue, binding]) => this.#outboxesOf(queue, binding)),
      options.clock,
    )
    this.enqueues = mapped(enqueues, (queue, binding) => this.#enqueuer(queue, binding))
    this.works = mapped(works, (queue, binding) => this.#worker(queue, binding))
  }

  async close(deadlineMs: number, isLast: boolean): Promise<void> {
    await this.#relays.stop(deadlineMs, isLast)
    await this.#engines.end()
  }

  #enqueuer(queue: string, binding: QueueBinding): EnqueuerHandle<unknown> {
    const { schemas, clock } = this.#options
    const home = this.#homeOf(binding)
    const direct = createEnqueuer({
      engine: this.#engines.of(binding),
      queue,
      schema: schemas.get(queue),
      headers: traceHeaders,
      clock,
    })
    /** The way of a transaction: into the queue itself, or into an outbox. */
    const send = <Result>(
      transaction: PublishTransaction | undefined,
      put: (enqueuer: Enqueuer<unknown>) => Promise<Result>,
    ): Promise<Result> =>
      tracedSend('enqueue', queue, clock, async () => {
        if (transaction === undefined || transaction.database === home) return put(direct)
        const outbox = this.#outboxesOf(queue, binding).find(({ place }) => place.isOf(transaction.database))
        if (outbox === undefined) throw foreignTransaction(queue)
        const result = await put(outbox.enqueuer)
        transaction.afterCommit(() => this.#relays.wake(outbox))
        return result
      })
    return {
      enqueue: (item, how = {}) => send(how.transaction, (enqueuer) => enqueuer.enqueue(item, how)),
      enqueueMany: (items, how = {}) => send(how.transaction, (enqueuer) => enqueuer.enqueueMany(items, how)),
      cancel: async (itemId) => {
        // It may still be on its way.
        for (const { enqueuer } of this.#outboxesOf(queue, binding)) {
          const outcome = await enqueuer.cancel(itemId)
          if (outcome !== 'gone') return outcome
        }
        return direct.cancel(itemId)
      },
    }
  }

  #outboxesOf(queue: string, binding: QueueBinding): readonly QueueOutbox[] {
    const { databases } = this.#options
    const others = databases.listed.filter((name) => name !== binding.database)
    return others.flatMap((name) => databases.places(name)).map((place) => this.#outboxAt(place, queue, binding))
  }

  #outboxAt(place: DatabasePlace, queue: string, binding: QueueBinding): QueueOutbox {
    const id = `${place.name} ${queue}`
    const known = this.#outboxes.get(id)
    if (known !== undefined) return known
    const { schemas, clock } = this.#options
    const { connection } = place
    const [home, engine] = [this.#homeOf(binding), this.#engines.of(binding)]
    const outbox = this.#engines.inDatabase(connection)
    const made: QueueOutbox = {
      name: queue,
      place,
      enqueuer: createEnqueuer({
        engine: withOutbox({ engine, outbox }),
        queue,
        schema: schemas.get(queue),
        headers: traceHeaders,
        clock,
      }),
      isUsed: () => hasItems(connection, outboxQueue(queue)),
      isWaiting: () => hasItems(connection, outboxQueue(queue)),
      relay: () => createQueueRelay({ engine, outbox, queue, database: home, clock }),
    }
    this.#outboxes.set(id, made)
    return made
  }

  #worker(queue: string, binding: QueueBinding): WorkerHandle<unknown> {
    const { clock } = this.#options
    return {
      each: (handler, options) =>
        this.#work(queue, binding, { each: tracedHandling(queue, clock, handler as Each) }, options as Options),
      batch: (handler, options) =>
        this.#work(queue, binding, { batch: tracedBatch(queue, clock, handler as Batch) }, options as Options),
    }
  }

  #work(
    queue: string,
    binding: QueueBinding,
    handler: ItemHandler<unknown, Transaction>,
    { effects, ...more }: Options = {},
  ): Promise<void> {
    const { schemas, databases, handlers, clock } = this.#options
    return handlers.start(`queue ${queue}`, () =>
      createWorker<unknown, Transaction>({
        ...more,
        engine: this.#engines.of(binding),
        queue,
        schema: schemas.get(queue),
        handler,
        effects: effects === undefined ? undefined : databases.effects(effects),
        clock,
      }),
    )
  }

  /** Undefined: it is on an engine elsewhere, and every transaction needs an outbox. */
  #homeOf({ database }: QueueBinding): DatabaseConnection | undefined {
    return database === undefined ? undefined : this.#options.databases.connection(database)
  }
}

/** The types of `Bindings` know which it is. */
type Transaction = TopicTransaction | undefined
type Options = WorkOptions<Transaction>
type Each = (item: ReceivedItem<unknown>, context: ItemContext<Transaction>) => Promise<void>
type Batch = (items: readonly ReceivedItem<unknown>[], context: ItemContext<Transaction>) => Promise<void>

function mapped<Given, Result>(
  given: Readonly<Record<string, Given>>,
  each: (name: string, value: Given) => Result,
): Readonly<Record<string, Result>> {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, each(name, value)]))
}
