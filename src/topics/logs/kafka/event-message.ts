import { createHash } from 'node:crypto'
import type { NewKafkaMessage } from '../../../backends/kafka/kafka-connection.ts'
import type { NewEvent, StoredEvent } from '../../topic-log.ts'

/** Header that carries the message id; the other headers of an event are headers of the message as they are. */
export const MESSAGE_ID_HEADER = 'tenfold-message-id'

/** An event as a message of Kafka. */
export function messageOfEvent(
  { messageId, key, payload, headers = {}, publishedEpochMs }: NewEvent,
  { topic, partition, nowEpochMs }: { readonly topic: string; readonly partition: number; readonly nowEpochMs: number },
): NewKafkaMessage {
  const all = [[MESSAGE_ID_HEADER, messageId], ...Object.entries(headers)] as const
  return {
    topic,
    partition,
    key: key === undefined ? undefined : Buffer.from(key),
    value: Buffer.from(payload),
    headers: new Map(all.map(([name, value]) => [Buffer.from(name), Buffer.from(value)])),
    timestamp: BigInt(Math.floor(publishedEpochMs ?? nowEpochMs)),
  }
}

/** Messages that belong together, as the broker sends them. */
export interface MessageBatch {
  readonly attributes: number
  readonly firstOffset: bigint
  readonly lastOffsetDelta: number
  readonly firstTimestamp: bigint
  readonly maxTimestamp: bigint
  readonly records: readonly {
    readonly offsetDelta: number
    readonly timestampDelta: bigint
    readonly key: Buffer | null
    readonly value: Buffer | null
    readonly headers: readonly (readonly [Buffer | null, Buffer | null])[]
  }[]
}

const LOG_APPEND_TIME = 1 << 3
const IS_CONTROL = 1 << 5

/**
 * The events of a batch from an offset on. A message that somebody else has written is an event, too: its id is made of
 * its place, which is the same at each delivery.
 */
export function eventsOfBatch(
  batch: MessageBatch,
  { topicId, partition, from }: { readonly topicId: string; readonly partition: number; readonly from: bigint },
): readonly StoredEvent[] {
  if ((batch.attributes & IS_CONTROL) !== 0) return []
  const hasBrokerTime = (batch.attributes & LOG_APPEND_TIME) !== 0
  const events: StoredEvent[] = []
  for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
    const offset = batch.firstOffset + BigInt(offsetDelta)
    if (offset < from) continue
    const { [MESSAGE_ID_HEADER]: messageId, ...rest } = Object.fromEntries(
      headers.map(([name, text]) => [String(name), text === null ? '' : String(text)]),
    )
    events.push({
      messageId: messageId !== undefined && UUID.test(messageId) ? messageId : idOfPlace(topicId, partition, offset),
      partition,
      id: String(offset),
      key: key === null ? undefined : String(key),
      payload: value === null ? '' : String(value),
      headers: rest,
      publishedEpochMs: Number(hasBrokerTime ? batch.maxTimestamp : batch.firstTimestamp + timestampDelta),
    })
  }
  return events
}

/** The offset behind a batch, also where all that was in it is gone. */
export function offsetBehind({ firstOffset, lastOffsetDelta }: MessageBatch): bigint {
  return firstOffset + BigInt(lastOffsetDelta) + 1n
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

/** Version 8 of RFC 9562: a hash of our own. */
function idOfPlace(topicId: string, partition: number, offset: bigint): string {
  const hex = createHash('sha256').update(`${topicId}/${partition}/${offset}`).digest('hex')
  const groups = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ]
  return groups.join('-')
}
