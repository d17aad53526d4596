import type { KafkaConnection } from '../../../backends/kafka/kafka-connection.ts'
import { TenfoldError } from '../../../core/errors.ts'
import type { TopicDatabase } from '../../topic-database.ts'
import { beginMove, readMove } from '../postgres/move-topic.ts'
import { createTopicCatalog } from '../postgres/topic-catalog.ts'
import { logOffsets } from './group-offsets.ts'
import type { KafkaTopicOptions } from './kafka-topic.ts'
import { ensureKafkaTopic } from './kafka-topic.ts'

/** @see moveToKafka */
export interface MoveToKafkaOptions extends Pick<KafkaTopicOptions, 'retentionMs' | 'replicas'> {
  /** Has the log of the topic now. */
  readonly database: TopicDatabase
  readonly connection: KafkaConnection
  readonly topic: string
}

/**
 * Begins to move a topic from the log in PostgreSQL to Kafka: see `createMovingLog`. Safe to repeat.
 *
 * @throws TF_TOPIC_CHANGED there is such a topic in Kafka, with events in it or with another number of partitions
 */
export async function moveToKafka({ database, connection, topic, ...more }: MoveToKafkaOptions): Promise<void> {
  const { partitions } = await createTopicCatalog(database).find(topic)
  await ensureKafkaTopic(connection, { name: topic, partitions, ...more })
  const move = await readMove(database, topic)
  if (move === 'none' || move === 'returned') await requireEmpty(connection, topic)
  await beginMove(database, topic)
}

async function requireEmpty(connection: KafkaConnection, topic: string): Promise<void> {
  const [start, end] = await Promise.all([logOffsets(connection, topic, 'start'), logOffsets(connection, topic, 'end')])
  if ([...end].every(([partition, offset]) => start.get(partition) === offset)) return
  throw new TenfoldError('TF_TOPIC_CHANGED', `expected topic ${topic} in Kafka to be empty, got one with events`, {
    hint: 'look what they are; if nobody needs them, delete the topic in Kafka and try again',
    details: { topic },
  })
}
