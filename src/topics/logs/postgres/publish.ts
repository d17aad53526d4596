import assert from 'node:assert/strict'
import { partitionOf } from '../../../core/key-hash.ts'
import type { Random } from '../../../core/random.ts'
import type { StatementRunner } from '../../topic-database.ts'
import type { NewEvent } from '../../topic-log.ts'
import { SCHEMA } from './layout.ts'
import type { CatalogTopic } from './topic-catalog.ts'

/** Events of one publish: its arrays are one message to the server. */
export const PUBLISH_MAX = 10_000

/**
 * Writes events in the order given, in one statement. The database adds the transaction and an id, which grows in the
 * order of the statements.
 *
 * @returns the partitions that they are in
 */
export async function insertEvents(
  runner: StatementRunner,
  topic: CatalogTopic,
  events: readonly NewEvent[],
  random: Random,
): Promise<ReadonlySet<number>> {
  if (events.length === 0) return new Set()
  assert(events.length <= PUBLISH_MAX, `expected at most ${PUBLISH_MAX} events at once, got ${events.length}`)
  // All events without a key in one partition: they stay together, and the next publish goes elsewhere.
  const anywhere = random.integer(topic.partitions)
  const partitions = events.map(({ key }) => (key === undefined ? anywhere : partitionOf(key, topic.partitions)))
  await runner.query(INSERT, [
    topic.id,
    partitions,
    events.map(({ messageId }) => messageId),
    events.map(({ key }) => key ?? null),
    events.map(({ headers }) => (headers === undefined ? null : JSON.stringify(headers))),
    events.map(({ payload }) => payload),
  ])
  return new Set(partitions)
}

const INSERT = `
  insert into ${SCHEMA}.log (slice, topic, partition, message_id, key, headers, payload)
  select (select max(number) from ${SCHEMA}.slice), $1::int, event.*
  from unnest($2::smallint[], $3::uuid[], $4::text[], $5::text[], $6::text[]) event`
