import type { Channel } from 'amqplib'
import { declareQuorumQueue } from '../../../backends/rabbitmq/quorum-queue.ts'
import type { Priority } from '../../queue-engine.ts'
import { PRIORITIES } from '../../queue-engine.ts'
import { bindToDue } from './delays.ts'

/** Names of what a queue has in RabbitMQ; they begin with `tenfold/`, so that permissions can name them. */
export interface QueueNames {
  /** Where items wait: quorum queues know no priorities, or two, so there is one for each. */
  items(priority: Priority): string
  /** Routing key of delayed items, as the end of it. */
  destination(priority: Priority): string
  readonly dead: string
  /** Tells workers that items have come, or will. */
  readonly wake: string
  /** Where workers tell what they have. */
  readonly workers: string
}

/** @see QueueNames */
export function queueNames(queue: string): QueueNames {
  const base = `tenfold/queue/${queue}`
  // A word of a routing key: dots would divide it, and stars and hashes match others.
  const word = queue.replaceAll(/[%.*#]/g, (letter) => `%${letter.codePointAt(0)?.toString(16)}`)
  return {
    items: (priority) => `${base}/${priority}`,
    destination: (priority) => `${word}.${priority}`,
    dead: `${base}/dead`,
    wake: `${base}/wake`,
    workers: `${base}/workers`,
  }
}

/** Makes what a queue needs, where it is not there. */
export async function declareQueue(channel: Channel, names: QueueNames): Promise<void> {
  await channel.assertExchange(names.wake, 'fanout', { durable: true })
  await channel.assertExchange(names.workers, 'fanout', { durable: true })
  await declareQuorumQueue(channel, names.dead)
  const deadLetters = { exchange: '', routingKey: names.dead }
  for (const priority of PRIORITIES) {
    await declareQuorumQueue(channel, names.items(priority), { deadLetters })
    await bindToDue(channel, names.items(priority), names.destination(priority))
  }
}
