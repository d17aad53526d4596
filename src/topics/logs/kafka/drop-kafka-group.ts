import type { KafkaConnection } from '../../../backends/kafka/kafka-connection.ts'
import { kafkaReason } from '../../../backends/kafka/kafka-failure.ts'
import { groupBusy } from '../../group-busy.ts'
import type { TopicDatabase } from '../../topic-database.ts'
import { dropGroup } from '../postgres/drop-group.ts'
import { findGroup, groupMoves } from '../postgres/group-catalog.ts'
import { createTopicCatalog } from '../postgres/topic-catalog.ts'
import { kafkaGroupOf } from './group-offsets.ts'

/**
 * Forgets a group that nobody reads for any more: its offsets, and what the database beside Kafka knows of it. Safe to
 * repeat. Offsets that it had before it was moved expire by themselves.
 *
 * @throws TF_TOPIC_UNKNOWN, TF_GROUP_UNKNOWN, TF_BROKER_UNREACHABLE
 * @throws TF_GROUP_BUSY a member has not left, or was heard of within the last session; nothing was done
 */
export async function dropKafkaGroup(
  { connection, database }: { readonly connection: KafkaConnection; readonly database: TopicDatabase },
  topic: string,
  group: string,
): Promise<void> {
  const consumer = await findGroup(database, await createTopicCatalog(database).find(topic), group)
  if (consumer !== undefined) {
    const there = kafkaGroupOf(topic, group, await groupMoves(database, consumer))
    try {
      await connection.askCoordinator(there, 'DeleteGroups', [there])
    } catch (error) {
      const reason = kafkaReason(error)
      if (reason === 'NON_EMPTY_GROUP') throw groupBusy(topic, group)
      // It has never committed anything, or this was cut short.
      if (reason !== 'GROUP_ID_NOT_FOUND') throw error
    }
  }
  await dropGroup(database, topic, group)
}
