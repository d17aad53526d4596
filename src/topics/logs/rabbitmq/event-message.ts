import { createHash } from 'node:crypto'
import type { Message } from 'amqplib'
import type { RabbitMessage } from '../../../backends/rabbitmq-publisher.ts'
import { uniqueId } from '../../../core/random.ts'
import type { DeadLetter, DeadLetterReason } from '../../dead-letters.ts'
import type { NewEvent, StoredEvent } from '../../topic-log.ts'
import { DELIVERIES_MAX } from './layout.ts'

/** What we add to a message, in one header, beside those of the publisher. */
interface Envelope {
  readonly partition: number
  readonly key?: string
  /** RabbitMQ itself keeps whole seconds only. */
  readonly at: number
  /** Headers of the publisher whose names the broker would take for its own. */
  readonly headers?: Readonly<Record<string, string>>
  /** Tries that have failed before it was redriven. */
  readonly attempts?: number
  /** Of a dead letter. */
  readonly cause?: string
  readonly failedAt?: number
}

const ENVELOPE = 'tenfold'
/** Headers that the broker adds, or acts upon. */
const OF_BROKER = /^(cc|bcc|x-.*)$/i
const CAUSE_MAX = 2_000

/** The message of a new event. */
export function messageOfNew(
  event: NewEvent,
  to: { readonly exchange: string; readonly partition: number; readonly epochMs: number },
): RabbitMessage {
  const { exchange, partition, epochMs } = to
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

/** Events that were redriven. */
const attemptsBefore = new WeakMap<StoredEvent, number>()

/** The event in a message; also in one that somebody else has published, if the group gets it. */
export function eventOf<More extends object>(message: Message, partition: number, more: More): StoredEvent & More {
  const { properties, content } = message
  const envelope = envelopeOf(message)
  const publishedEpochMs = envelope.at ?? Number(properties.timestamp ?? 0) * 1_000
  const event = {
    messageId: uuidOf(properties.messageId),
    partition: envelope.partition ?? partition,
    id: String(properties.messageId ?? ''),
    key: envelope.key,
    payload: content.toString('utf8'),
    headers: { ...headersOf(message), ...envelope.headers },
    publishedEpochMs,
    ...more,
  }
  if (envelope.attempts !== undefined) attemptsBefore.set(event, envelope.attempts)
  return event
}

/** A message in the queue of dead letters, from us or from the broker. */
export function letterOf(message: Message): DeadLetter {
  const { attempts = 0, cause, failedAt } = envelopeOf(message)
  const [death] = message.properties.headers?.['x-death'] ?? []
  const aside =
    cause === undefined
      ? {
          attempts: attempts + DELIVERIES_MAX,
          cause: `the broker put it aside (${String(death?.reason ?? 'unknown')}): processes that had it died, or gave it back`,
          failedEpochMs: secondsOf(death?.time) * 1_000,
        }
      : { attempts, cause, failedEpochMs: failedAt ?? 0 }
  return eventOf(message, 0, { state: 'dead', isBlocking: false, ...aside } as const)
}

function messageOf(
  event: Omit<NewEvent, 'headers'> & Pick<StoredEvent, 'partition' | 'publishedEpochMs' | 'headers'>,
  exchange: string,
  routingKey: string,
  more: Partial<Envelope>,
): RabbitMessage {
  const { partition, key, publishedEpochMs, payload, messageId, headers } = event
  const { ours = [], theirs = [] } = Object.groupBy(Object.entries(headers), ([name]) =>
    OF_BROKER.test(name) ? 'ours' : 'theirs',
  )
  const envelope: Envelope = {
    partition,
    at: publishedEpochMs,
    ...(key === undefined ? {} : { key }),
    ...(ours.length === 0 ? {} : { headers: Object.fromEntries(ours) }),
    ...more,
  }
  return {
    exchange,
    routingKey,
    content: Buffer.from(payload),
    messageId,
    timestampEpochMs: publishedEpochMs,
    headers: { ...Object.fromEntries(theirs), [ENVELOPE]: envelope },
  }
}

function envelopeOf({ properties }: Message): Partial<Envelope> {
  return (properties.headers?.[ENVELOPE] ?? {}) as Partial<Envelope>
}

function headersOf({ properties }: Message): Record<string, string> {
  const headers = Object.entries(properties.headers ?? {}).filter(
    ([name]) => name !== ENVELOPE && !OF_BROKER.test(name),
  )
  return Object.fromEntries(
    headers.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  )
}

/** The inbox takes UUIDs. A message of somebody else that has no id at all is another one at each delivery. */
function uuidOf(id: unknown): string {
  if (typeof id !== 'string' || id === '') return uniqueId()
  if (UUID.test(id)) return id
  const hex = createHash('sha256').update(id).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Times come with their type. */
function secondsOf(time: unknown): number {
  return typeof time === 'object' && time !== null && 'value' in time ? Number(time.value) : 0
}
