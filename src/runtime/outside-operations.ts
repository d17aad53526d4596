import type { KafkaConnection } from '../backends/kafka/kafka-connection.ts'
import { connectKafka } from '../backends/kafka/kafka-connection.ts'
import { systemClock } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import { groupBusy } from '../topics/group-busy.ts'
import { dropKafkaGroup } from '../topics/logs/kafka/drop-kafka-group.ts'
import { peekKafka } from '../topics/logs/kafka/peek-kafka.ts'
import type { DropRabbitGroupOptions } from '../topics/logs/rabbitmq/drop-rabbit-group.ts'
import { dropRabbitGroup } from '../topics/logs/rabbitmq/drop-rabbit-group.ts'
import type { TopicDatabase } from '../topics/topic-database.ts'
import type { TopicOperations } from '../topics/topic-operations.ts'

/** What is done about a topic that is in Kafka; the database beside it knows its groups. */
export function kafkaOperations(url: string, database: TopicDatabase): Pick<TopicOperations, 'peek' | 'dropGroup'> {
  async function on<Result>(work: (connection: KafkaConnection) => Promise<Result>): Promise<Result> {
    const connection = connectKafka(url)
    return work(connection).finally(() => connection.end())
  }
  return {
    peek: (topic, options) => on((connection) => peekKafka({ connection, database }, topic, options)),
    dropGroup: (topic, group) => on((connection) => dropKafkaGroup({ connection, database }, topic, group)),
  }
}

/** What is done about a topic on RabbitMQ, whose groups are services of the blueprint, and those that were. */
export function rabbitOperations(options: Omit<DropRabbitGroupOptions, 'clock'>): TopicOperations {
  const { groups } = options
  return {
    groups: async () => groups,
    async peek(topic) {
      const message = `expected ${topic} to be in PostgreSQL or Kafka, since RabbitMQ shows an event only to who takes it`
      const hint = 'see how many there are with "tenfold topics lag"'
      throw new TenfoldError('TF_TOPIC_UNSUPPORTED', message, { hint, details: { topic } })
    },
    async dropGroup(topic, group) {
      // Whoever publishes would make its queues again.
      if (groups.includes(group)) throw groupBusy(topic, group)
      await dropRabbitGroup({ ...options, clock: systemClock }, group)
    },
  }
}
