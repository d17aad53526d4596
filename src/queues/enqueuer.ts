import type { StandardSchema } from '../blueprint/standard-schema.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { Duration } from '../core/duration.ts'
import { parseDuration } from '../core/duration.ts'
import { TenfoldError } from '../core/errors.ts'
import { encodeEvent } from '../topics/event-schema.ts'
import type { TopicTransaction } from '../topics/topic-database.ts'
import { createItemId } from './item-id.ts'
import type {
  Cancellation,
  Deduplication,
  Enqueued,
  NewItem,
  NotBefore,
  Priority,
  QueueEngine,
} from './queue-engine.ts'

/** Puts items into one queue. */
export interface Enqueuer<Item> {
  /**
   * Puts one item in. Durable when it resolves; with a transaction, when that has committed, and not at all if it does not.
   *
   * @throws TF_ITEM_INVALID it is not what the schema says, or larger than 1 MiB
   * @throws TF_QUEUE_UNSUPPORTED the engine can't do what an option asks for
   */
  enqueue(item: Item, options?: EnqueueOptions): Promise<Enqueued>
  /** Puts several in, all or none, up to 10000: each as `enqueue` does. */
  enqueueMany(
    items: readonly { readonly item: Item; readonly options?: ItemOptions }[],
    options?: { readonly transaction?: TopicTransaction },
  ): Promise<readonly Enqueued[]>
  /**
   * Takes an item out that waits, and aborts the signal of one that is under way: however its handler ends then, it is not
   * tried again.
   */
  cancel(itemId: string): Promise<Cancellation>
}

/** What is special about one item. */
export interface ItemOptions {
  /** Items of a higher one begin first; a lower one may wait as long as there are. @default 'normal' */
  readonly priority?: Priority
  /** Not to begin before so long from now. @default at once */
  readonly delay?: Duration
  /** Not to begin before; instead of `delay`. */
  readonly runAt?: Date
  /** What the queue's `concurrencyPerKey` counts by. @default none: it is not counted */
  readonly key?: string
  /**
   * At most one item for each key: until the one that is there has begun, or is finished, or for so long since it was put in.
   * What is put in later is then nothing: `enqueue` tells which item was there.
   */
  readonly once?: { readonly key: string; readonly until: 'begun' | 'finished' | Duration }
  /** For the handler, beside what the enqueuer adds. @default none */
  readonly headers?: Readonly<Record<string, string>>
}

/** @see Enqueuer.enqueue */
export interface EnqueueOptions extends ItemOptions {
  /** Of the database that holds the queues, or whose outbox the enqueuer writes to. */
  readonly transaction?: TopicTransaction
}

/** @see createEnqueuer */
export interface EnqueuerOptions<Item> {
  readonly engine: QueueEngine
  readonly queue: string
  /** @default anything that is JSON */
  readonly schema?: StandardSchema<Item> | undefined
  /** Asked for each item: the trace that it belongs to, and the like. @default none */
  readonly headers?: () => Readonly<Record<string, string>>
  readonly clock?: Clock
}

/** What is larger belongs into a file or a table, and its name into the queue. */
const PAYLOAD_BYTES_MAX = 1024 * 1024

/**
 * @example
 * const emails = createEnqueuer<Email>({ engine, queue: 'emails', schema })
 * await database.transaction(async (transaction) => {
 *   await transaction.query('insert into "user" …')
 *   await emails.enqueue({ to: 'a@example.com', text: 'Welcome' }, { transaction, delay: '5m' })
 * })
 */
export function createEnqueuer<Item>(options: EnqueuerOptions<Item>): Enqueuer<Item> {
  const { engine, queue, schema, clock = systemClock } = options
  async function encode(item: Item, as: ItemOptions = {}): Promise<NewItem> {
    const payload = await encodeEvent({ topic: queue, noun: 'item', schema }, item)
    if (Buffer.byteLength(payload) > PAYLOAD_BYTES_MAX) throw tooLarge(queue, Buffer.byteLength(payload))
    return {
      itemId: createItemId(clock),
      payload,
      priority: as.priority ?? 'normal',
      key: as.key,
      notBefore: notBeforeOf(as),
      deduplicate: deduplicationOf(as),
      headers: { ...options.headers?.(), ...as.headers },
    }
  }
  return {
    async enqueue(item, { transaction, ...as } = {}) {
      const [enqueued] = await engine.enqueue(queue, [await encode(item, as)], { transaction })
      return enqueued as Enqueued
    },
    async enqueueMany(items, { transaction } = {}) {
      const encoded = await Promise.all(items.map(({ item, options: as }) => encode(item, as)))
      return engine.enqueue(queue, encoded, { transaction })
    },
    cancel: (itemId) => engine.cancel(queue, itemId),
  }
}

function notBeforeOf({ delay, runAt }: ItemOptions): NotBefore | undefined {
  if (delay !== undefined && runAt !== undefined) {
    throw new TenfoldError('TF_OPTION_INVALID', 'expected a delay or a time to run at, got both', {
      hint: 'leave one out',
    })
  }
  if (delay !== undefined) return { delayMs: parseDuration(delay) }
  if (runAt === undefined) return undefined
  const epochMs = runAt.getTime()
  if (Number.isNaN(epochMs))
    throw new TenfoldError('TF_OPTION_INVALID', 'expected runAt to be a date, got an invalid one')
  return { epochMs }
}

function deduplicationOf({ once }: ItemOptions): Deduplication | undefined {
  if (once === undefined) return undefined
  const { key, until } = once
  return { key, until: until === 'begun' || until === 'finished' ? until : parseDuration(until) }
}

function tooLarge(queue: string, bytes: number): TenfoldError {
  return new TenfoldError(
    'TF_ITEM_INVALID',
    `expected the item for ${queue} to have ${PAYLOAD_BYTES_MAX} bytes at most, got ${bytes}`,
    { hint: 'put it into a file or a table, and its name into the queue', details: { queue, bytes } },
  )
}
