import type { Message } from 'amqplib'
import {
  deathOf,
  envelopeOf,
  headersOf,
  headersWith,
  messageIdOf,
  timestampEpochMs,
} from '../../../backends/rabbitmq/envelope.ts'
import { DELIVERIES_MAX } from '../../../backends/rabbitmq/quorum-queue.ts'
import type { RabbitMessage } from '../../../backends/rabbitmq/rabbit-publisher.ts'
import type { DeadLetter, DeadLetterReason } from '../../dead-letters.ts'
import type { NewEvent, StoredEvent } from '../../topic-log.ts'

/** What we add to the message of an event. */
interface Envelope {
  readonly partition: number
  readonly key?: string
  /** RabbitMQ itself keeps whole seconds only. */
  readonly at: number
  /** Tries that have failed before it was redriven. */
  readonly attempts?: number
  /** Of a dead letter. */
  readonly cause?: string
  readonly failedAt?: number
}

const CAUSE_MAX = 2_000

/** The message of a new event. */
export function messageOfNew(
  event: NewEvent,
  { exchange, partition, epochMs }: { readonly exchange: string; readonly partition: number; readonly epochMs: number },
): RabbitMessage {
  const { headers = {}, publishedEpochMs = epochMs } = event
  return messageOf({ ...event, headers, partition, publishedEpochMs }, exchange, String(partition), {})
}

/** The message of an event for a queue: one of dead letters, or that of its partition once more. */
export function messageFor(queue: string, event: StoredEvent, more: Partial<Envelope>): RabbitMessage {
  return messageOf(event, '', queue, more)
}

/** What a dead letter adds to its event. */
export function letterEnvelope(
  event: StoredEvent,
  { attempts, cause }: Pick<DeadLetterReason, 'attempts' | 'cause'>,
  failedAt: number,
): Partial<Envelope> {
  return { attempts: (attemptsBefore.get(event) ?? 0) + attempts, cause: cause.slice(0, CAUSE_MAX), failedAt }
}

/** Of events that were redriven. */
const attemptsBefore = new WeakMap<StoredEvent, number>()

/** The event in a message; also in one that somebody else has published, if the group gets it. */
export function eventOf<More extends object>(message: Message, partition: number, more: More): StoredEvent & More {
  const envelope = envelopeOf<Envelope>(message)
  const messageId = messageIdOf(message)
  const event = {
    messageId,
    partition: envelope.partition ?? partition,
    // There are no numbers.
    id: messageId,
    key: envelope.key,
    payload: message.content.toString('utf8'),
    headers: headersOf(message),
    publishedEpochMs: envelope.at ?? timestampEpochMs(message),
    ...more,
  }
  if (envelope.attempts !== undefined) attemptsBefore.set(event, envelope.attempts)
  return event
}

/** A message in the queue of dead letters, from us or from the broker. */
export function letterOf(message: Message): DeadLetter {
  const { attempts = 0, cause, failedAt = 0 } = envelopeOf<Envelope>(message)
  const { reason, epochMs } = deathOf(message)
  const aside =
    cause === undefined
      ? {
          attempts: attempts + DELIVERIES_MAX,
          cause: `the broker put it aside (${reason}): processes that had it died, or gave it back`,
          failedEpochMs: epochMs,
        }
      : { attempts, cause, failedEpochMs: failedAt }
  return eventOf(message, 0, { state: 'dead', isBlocking: false, ...aside } as const)
}

function messageOf(
  event: Omit<NewEvent, 'headers'> & Pick<StoredEvent, 'partition' | 'publishedEpochMs' | 'headers'>,
  exchange: string,
  routingKey: string,
  more: Partial<Envelope>,
): RabbitMessage {
  const { partition, key, publishedEpochMs, payload, messageId, headers } = event
  const envelope: Envelope = { partition, at: publishedEpochMs, ...(key === undefined ? {} : { key }), ...more }
  return {
    exchange,
    routingKey,
    content: Buffer.from(payload),
    messageId,
    timestampEpochMs: publishedEpochMs,
    headers: headersWith(headers, envelope),
  }
}
