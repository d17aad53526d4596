import { connectKafka } from '../backends/kafka/kafka-connection.ts'
import { systemClock } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import { groupBusy } from '../topics/group-busy.ts'
import { dropKafkaGroup } from '../topics/logs/kafka/drop-kafka-group.ts'
import type { DropRabbitGroupOptions } from '../topics/logs/rabbitmq/drop-rabbit-group.ts'
import { dropRabbitGroup } from '../topics/logs/rabbitmq/drop-rabbit-group.ts'
import type { TopicDatabase } from '../topics/topic-database.ts'
import type { TopicOperations } from '../topics/topic-operations.ts'

/** What is done about a topic that is in Kafka; the database beside it knows its groups. */
export function kafkaOperations(url: string, database: TopicDatabase): Pick<TopicOperations, 'peek' | 'dropGroup'> {
  return {
    peek: refusePeek('Kafka', 'read it with "kafka-console-consumer.sh --topic", which comes with Kafka'),
    async dropGroup(topic, group) {
      const connection = connectKafka(url)
      await dropKafkaGroup({ connection, database }, topic, group).finally(() => connection.end())
    },
  }
}

/** What is done about a topic on RabbitMQ, whose groups are services of the blueprint, and those that were. */
export function rabbitOperations(options: Omit<DropRabbitGroupOptions, 'clock'>): TopicOperations {
  const { groups } = options
  return {
    groups: async () => groups,
    peek: refusePeek(
      'RabbitMQ',
      'see how many there are with "tenfold topics lag"; RabbitMQ shows an event only to who takes it',
    ),
    async dropGroup(topic, group) {
      // Whoever publishes would make its queues again.
      if (groups.includes(group)) throw groupBusy(topic, group)
      await dropRabbitGroup({ ...options, clock: systemClock }, group)
    },
  }
}

function refusePeek(engine: string, hint: string): TopicOperations['peek'] {
  return async (topic) => {
    throw new TenfoldError(
      'TF_TOPIC_UNSUPPORTED',
      `expected ${topic} to be in PostgreSQL for this, but it is in ${engine}`,
      { hint, details: { topic } },
    )
  }
}
