import type { Message } from 'amqplib'
import {
  deathOf,
  deliveriesInVain,
  envelopeOf,
  headersOf,
  headersWith,
  messageIdOf,
  timestampEpochMs,
} from '../../../backends/rabbitmq/envelope.ts'
import { DELIVERIES_MAX } from '../../../backends/rabbitmq/quorum-queue.ts'
import type { RabbitMessage } from '../../../backends/rabbitmq/rabbit-publisher.ts'
import type { DeadItem } from '../../dead-items.ts'
import type { Failure, Priority, StoredItem } from '../../queue-engine.ts'
import { PRIORITIES } from '../../queue-engine.ts'

/** What we add to the message of an item. */
interface Envelope {
  readonly priority: Priority
  readonly key?: string
  /** When it was put in, and when it was to begin first. */
  readonly at: number
  readonly due: number
  /** Tries that have failed. */
  readonly attempts?: number
  /** Tries before it was redriven. */
  readonly before?: number
  /** Of a dead item. */
  readonly cause?: string
  readonly failedAt?: number
}

const CAUSE_MAX = 2_000

/** Tries of an item that have been. */
export interface Tries {
  readonly attempts?: number | undefined
  readonly before?: number | undefined
}

/** The message of an item, on a route. */
export function messageOfItem(
  item: StoredItem,
  route: { readonly exchange: string; readonly routingKey: string },
  more: Tries & { readonly cause?: string; readonly failedAt?: number },
): RabbitMessage {
  const { itemId, payload, priority, headers, key, enqueuedEpochMs, dueEpochMs } = item
  const { attempts = 0, before = 0, cause, failedAt } = more
  const envelope: Envelope = {
    priority,
    at: enqueuedEpochMs,
    due: dueEpochMs,
    ...(key === undefined ? {} : { key }),
    ...(attempts === 0 ? {} : { attempts }),
    ...(before === 0 ? {} : { before }),
    ...(cause === undefined ? {} : { cause: cause.slice(0, CAUSE_MAX), failedAt }),
  }
  return {
    exchange: route.exchange,
    routingKey: route.routingKey,
    content: Buffer.from(payload),
    messageId: itemId,
    timestampEpochMs: enqueuedEpochMs,
    headers: headersWith(headers, envelope),
  }
}

/** The item in a message; also in one that somebody else has put into the queue. */
export function itemOf(message: Message): StoredItem {
  const { priority, key, at = timestampEpochMs(message), due = at } = envelopeOf<Envelope>(message)
  return {
    itemId: messageIdOf(message),
    payload: message.content.toString('utf8'),
    priority: PRIORITIES.find((known) => known === priority) ?? 'normal',
    headers: headersOf(message),
    key,
    enqueuedEpochMs: at,
    dueEpochMs: due,
  }
}

/** How often the item in a message was tried; a worker that died has made a try. */
export function triesOf(message: Message): { readonly attempts: number; readonly before: number } {
  const { attempts = 0, before = 0 } = envelopeOf<Envelope>(message)
  return { attempts: attempts + deliveriesInVain(message), before }
}

/** What burying adds to an item. */
export function burial(
  { cause, attempts }: Failure,
  before: number,
  failedAt: number,
): { attempts: number; cause: string; failedAt: number } {
  return { attempts: before + attempts, cause, failedAt }
}

/** A message in the queue of the dead, from us or from the broker. */
export function deadItemOf(message: Message): DeadItem {
  const { attempts = 0, before = 0, cause, failedAt = 0 } = envelopeOf<Envelope>(message)
  if (cause !== undefined) return { ...itemOf(message), attempts, cause, failedEpochMs: failedAt }
  const { reason, epochMs } = deathOf(message)
  return {
    ...itemOf(message),
    attempts: before + attempts + DELIVERIES_MAX,
    cause: `the broker put it aside (${reason}): workers that had it died`,
    failedEpochMs: epochMs,
  }
}
