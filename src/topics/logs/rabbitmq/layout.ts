import type { Channel } from 'amqplib'
import { declareQuorumQueue } from '../../../backends/rabbitmq/quorum-queue.ts'
import { isOtherwise } from '../../../backends/rabbitmq/rabbit-connection.ts'
import { messageOf, TenfoldError } from '../../../core/errors.ts'
import type { GroupNames } from './names.ts'
import { topicNames } from './names.ts'

/**
 * Makes what a topic needs, where it is not there.
 *
 * @throws TF_TOPIC_CHANGED it exists with another number of partitions
 */
export async function declareTopic(channel: Channel, topic: string, partitions: number): Promise<void> {
  const { exchange, partitions: guard } = topicNames(topic)
  try {
    // Exchanges keep no number, queues do, and never take another.
    await declareQuorumQueue(channel, guard, { lengthMax: partitions })
  } catch (error) {
    if (!isOtherwise(error)) throw error
    const present = Number(/current is '(\d+)'/.exec(messageOf(error))?.[1])
    throw new TenfoldError(
      'TF_TOPIC_CHANGED',
      `expected topic ${topic} to have ${partitions} partitions, got ${present}`,
      {
        hint: 'keep the number of partitions, or publish to a topic with another name',
        details: { topic, partitions, present },
        cause: error,
      },
    )
  }
  await channel.assertExchange(exchange, 'direct', { durable: true })
}

/** Makes what a group needs, where it is not there: from now on it gets what is published. */
export async function declareGroup(channel: Channel, names: GroupNames, partitions: number): Promise<void> {
  await channel.assertExchange(names.members, 'fanout', { durable: true })
  await declareQuorumQueue(channel, names.dead)
  const { exchange } = topicNames(names.topic)
  const deadLetters = { exchange: '', routingKey: names.dead }
  for (let partition = 0; partition < partitions; partition++) {
    const queue = names.queue(partition)
    await declareQuorumQueue(channel, queue, { isSingleActive: true, deadLetters })
    await channel.bindQueue(queue, exchange, String(partition))
  }
}
