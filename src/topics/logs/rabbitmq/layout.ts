import type { Channel } from 'amqplib'
import { replyCode } from '../../../backends/rabbitmq.ts'
import { messageOf, TenfoldError } from '../../../core/errors.ts'
import type { GroupNames } from './names.ts'
import { topicNames } from './names.ts'

/*
 * Arguments of queues are for ever: RabbitMQ refuses to declare a queue that has others. What a user may want to change
 * (lengths, delivery limits) is for policies, which win where they are stricter.
 */

/**
 * Makes what a topic needs, where it is not there.
 *
 * @throws TF_TOPIC_CHANGED it exists with another number of partitions
 */
export async function declareTopic(channel: Channel, topic: string, partitions: number): Promise<void> {
  const { exchange, partitions: guard } = topicNames(topic)
  try {
    // Exchanges keep no number, queues do, and never take another.
    await channel.assertQueue(guard, { durable: true, arguments: { 'x-max-length': partitions } })
  } catch (error) {
    if (replyCode(error) !== 406) throw error
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
  await channel.assertQueue(names.dead, { durable: true, arguments: QUORUM })
  const { exchange } = topicNames(names.topic)
  for (let partition = 0; partition < partitions; partition++) {
    const queue = names.queue(partition)
    await channel.assertQueue(queue, {
      durable: true,
      arguments: {
        ...QUORUM,
        'x-single-active-consumer': true,
        'x-delivery-limit': DELIVERIES_MAX,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': names.dead,
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      },
    })
    await channel.bindQueue(queue, exchange, String(partition))
  }
}

/**
 * Deliveries of an event that ended otherwise than by being done or put aside: each time a process died, or gave its
 * partition back. Then the broker puts it aside itself, so that an event that kills whoever reads it can't do so for ever.
 */
export const DELIVERIES_MAX = 1_000

/** RabbitMQ 4 would drop what was read more than 20 times. */
const QUORUM = { 'x-queue-type': 'quorum', 'x-delivery-limit': 1_000_000 }
