import type { KafkaConnection } from '../../../backends/kafka/kafka-connection.ts'
import { groupUnknown } from '../../group-unknown.ts'
import type { TopicDatabase } from '../../topic-database.ts'
import type { StoredEvent } from '../../topic-log.ts'
import type { PeekOptions } from '../../topic-operations.ts'
import { findGroup, groupMoves } from '../postgres/group-catalog.ts'
import { createTopicCatalog } from '../postgres/topic-catalog.ts'
import { eventsOfBatch, offsetBehind } from './event-message.ts'
import { fetchBatches } from './fetch-batches.ts'
import { committedOffsets, kafkaGroupOf, logOffsets } from './group-offsets.ts'
import { requireKafkaTopic } from './kafka-topic.ts'

/** What is asked for at once, and how often at most for one partition. */
const BYTES = 1_048_576
const FETCHES_MAX = 50

interface Places {
  readonly connection: KafkaConnection
  /** Knows the groups. */
  readonly database: TopicDatabase
}

/**
 * Events of a topic as they are in Kafka; see `TopicOperations.peek`. Between partitions they have the order of their times.
 *
 * @throws TF_TOPIC_UNKNOWN, TF_GROUP_UNKNOWN, TF_BROKER_UNREACHABLE
 */
export async function peekKafka(
  { connection, database }: Places,
  topic: string,
  { which, max, partition: only }: PeekOptions,
): Promise<readonly StoredEvent[]> {
  const { id, leaders } = await requireKafkaTopic(connection, topic)
  const [start, end] = await Promise.all([logOffsets(connection, topic, 'start'), logOffsets(connection, topic, 'end')])
  const from = await firstOffsets({ connection, database }, topic, which)
  /** Those of one partition stay in their order, which is that of their times unless clocks differ. */
  const chosen = (all: readonly StoredEvent[]): readonly StoredEvent[] => {
    const sorted = all.toSorted((a, b) => a.publishedEpochMs - b.publishedEpochMs)
    return which === 'newest' ? sorted.slice(-max) : sorted.slice(0, max)
  }
  let events: readonly StoredEvent[] = []
  for (const partition of leaders.keys()) {
    if (only !== undefined && only !== partition) continue
    const [first, behind] = [start.get(partition) ?? 0n, end.get(partition) ?? 0n]
    const wanted = which === 'newest' ? behind - BigInt(max) : (from.get(partition) ?? first)
    let offset = wanted < first ? first : wanted
    const found: StoredEvent[] = []
    for (let fetches = 0; offset < behind && found.length < max && fetches < FETCHES_MAX; fetches++) {
      const batches = await fetchBatches(connection, { topic, partition, offset, bytes: BYTES })
      const last = batches.at(-1)
      if (last === undefined) break
      for (const batch of batches) found.push(...eventsOfBatch(batch, { topicId: id, partition, from: offset }))
      offset = offsetBehind(last)
    }
    // No more are held than are shown, and those of one partition.
    events = chosen([...events, ...found])
  }
  return which === 'newest' ? events.toReversed() : events
}

async function firstOffsets(
  { connection, database }: Places,
  topic: string,
  which: PeekOptions['which'],
): Promise<ReadonlyMap<number, bigint>> {
  if (which === 'newest') return new Map()
  if ('sinceEpochMs' in which) return logOffsets(connection, topic, { epochMs: which.sinceEpochMs })
  const catalog = createTopicCatalog(database)
  const consumer = await findGroup(database, await catalog.find(topic), which.group)
  if (consumer === undefined) throw groupUnknown(topic, which.group, [])
  const group = kafkaGroupOf(topic, which.group, await groupMoves(database, consumer))
  const { leaders } = await requireKafkaTopic(connection, topic)
  return committedOffsets(connection, { group, topic }, [...leaders.keys()])
}
