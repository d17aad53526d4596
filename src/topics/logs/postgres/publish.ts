import assert from 'node:assert/strict'
import { partitionOf } from '../../../core/key-hash.ts'
import type { Random } from '../../../core/random.ts'
import type { StatementRunner } from '../../topic-database.ts'
import type { NewEvent } from '../../topic-log.ts'
import { SCHEMA } from './layout.ts'
import type { CatalogTopic } from './topic-catalog.ts'

/** Events of one publish: its arrays are one message to the server. */
export const PUBLISH_MAX = 10_000

/** An event, and where it goes. */
export interface PlacedEvent {
  readonly topic: number
  readonly partition: number
  readonly event: NewEvent
}

/** Gives each event its partition. */
export function placeEvents(topic: CatalogTopic, events: readonly NewEvent[], random: Random): readonly PlacedEvent[] {
  assert(events.length <= PUBLISH_MAX, `expected at most ${PUBLISH_MAX} events at once, got ${events.length}`)
  // All events without a key in one partition: they stay together, and the next publish goes elsewhere.
  const anywhere = random.integer(topic.partitions)
  return events.map((event) => ({
    topic: topic.id,
    partition: event.key === undefined ? anywhere : partitionOf(event.key, topic.partitions),
    event,
  }))
}

/**
 * Writes events in the order given, in one statement. The database adds the transaction and an id, which grows in the
 * order of the statements.
 *
 * @param isStrict whether transactions that publish the same key wait for each other's end
 */
export async function insertEvents(
  runner: StatementRunner,
  placed: readonly PlacedEvent[],
  isStrict = false,
): Promise<void> {
  const [first] = placed
  if (first === undefined) return
  if (placed.length === 1 && !isStrict) {
    const { topic, partition, event } = first
    const { messageId, key = null, headers, payload } = event
    await runner.query(APPEND_ONE, [topic, partition, messageId, key, headersText(headers), payload])
    return
  }
  await runner.query(APPEND, [
    placed.map(({ topic }) => topic),
    placed.map(({ partition }) => partition),
    placed.map(({ event }) => event.messageId),
    placed.map(({ event }) => event.key ?? null),
    placed.map(({ event }) => headersText(event.headers)),
    placed.map(({ event }) => event.payload),
    isStrict,
  ])
}

function headersText(headers: NewEvent['headers']): string | null {
  return headers === undefined ? null : JSON.stringify(headers)
}

// The comments say to lanes, which only read, that these insert.
const APPEND_ONE = `select ${SCHEMA}.append_one($1, $2, $3, $4, $5, $6) /* insert */`
const APPEND = `select ${SCHEMA}.append($1, $2, $3, $4, $5, $6, $7) /* insert */`
