import diagnostics from 'node:diagnostics_channel'
import type { StandardSchema } from '../blueprint/standard-schema.ts'
import { TenfoldError } from '../core/errors.ts'
import { uniqueId } from '../core/random.ts'
import { encodeEvent } from './event-schema.ts'
import type { TopicTransaction } from './topic-database.ts'
import type { TopicLog } from './topic-log.ts'
import type { PublishReport } from './work-report.ts'
import { PUBLISHED_CHANNEL } from './work-report.ts'

/** Publishes the events of one topic. */
export interface EventPublisher<Event> {
  /**
   * Publishes one event, or several together in the order given. Durable when it resolves; with a transaction, when that
   * has committed, and not at all if it does not. For what order means see `TopicLog.publish`.
   *
   * @throws TF_EVENT_INVALID one of them is not what the schema says, or has no key: none is published
   */
  publish(events: Event | readonly Event[], options?: PublishOptions): Promise<void>
}

export interface PublishOptions {
  /** Of the database that holds the log, or whose outbox the publisher writes to. */
  transaction?: TopicTransaction
  /** For consumers, beside what the publisher adds. @default none */
  headers?: Readonly<Record<string, string>>
}

/** @see createPublisher */
export interface PublisherOptions<Event> {
  /** The log of the topic, or the outbox of the database that the transactions are of; see `createRelay`. */
  readonly log: TopicLog
  readonly topic: string
  /** @default anything that is JSON */
  readonly schema?: StandardSchema<Event> | undefined
  /** The field that is the key: events with the same value keep their order. @default none */
  readonly key?: string | undefined
  /** See `LogPublishOptions.isStrict`: for keys whose writers lock nothing else in common. @default false */
  readonly isStrict?: boolean
  /** Asked for each publish: the trace that it belongs to, and the like. @default none */
  readonly headers?: () => Readonly<Record<string, string>>
}

const published = diagnostics.channel(PUBLISHED_CHANNEL)

/**
 * @example
 * const orders = createPublisher<Order>({ log, topic: 'orders', key: 'user_id', schema })
 * await database.transaction(async (transaction) => {
 *   await transaction.query('insert into "order" …')
 *   await orders.publish({ user_id: 7, cents: 5 }, { transaction })
 * })
 */
export function createPublisher<Event>(options: PublisherOptions<Event>): EventPublisher<Event> {
  const { log, topic, schema, key, isStrict } = options
  return {
    async publish(oneOrMore, { transaction, headers } = {}) {
      const events = Array.isArray(oneOrMore) ? (oneOrMore as readonly Event[]) : [oneOrMore as Event]
      const given = { ...options.headers?.(), ...headers }
      const all = Object.keys(given).length === 0 ? undefined : given
      const encoded = await Promise.all(
        events.map(async (event) => ({
          messageId: uniqueId(),
          key: key === undefined ? undefined : keyOf(topic, event, key),
          payload: await encodeEvent({ topic, schema }, event),
          headers: all,
        })),
      )
      await log.publish(topic, encoded, { transaction, isStrict })
      if (published.hasSubscribers) published.publish({ topic, events: encoded.length } satisfies PublishReport)
    },
  }
}

function keyOf(topic: string, event: unknown, field: string): string {
  const value = typeof event === 'object' && event !== null ? (event as Record<string, unknown>)[field] : undefined
  if (typeof value === 'string' || typeof value === 'bigint') return String(value)
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  throw new TenfoldError(
    'TF_EVENT_INVALID',
    `expected the event for ${topic} to have its key in '${field}', as text or a number, got ${typeof value}`,
    { hint: `set '${field}', or change the key of the topic in the blueprint`, details: { topic, field } },
  )
}
