import type { KafkaConnection, KafkaTopic } from '../../../backends/kafka/kafka-connection.ts'
import { TenfoldError } from '../../../core/errors.ts'

/** @see ensureKafkaTopic */
export interface KafkaTopicOptions {
  readonly name: string
  readonly partitions: number
  /** How long events are kept. @default a week */
  readonly retentionMs?: number | undefined
  /** Brokers that have each event; fewer if there are fewer. @default 3 */
  readonly replicas?: number | undefined
}

const WEEK_MS = 604_800_000

/**
 * Makes sure that a topic is there. One that is keeps its settings. With three replicas, an event counts as published when
 * two of them have it, and while only one is in sync nothing can be published.
 *
 * @throws TF_TOPIC_CHANGED it exists with another number of partitions: keys would move, and lose their order
 */
export async function ensureKafkaTopic(connection: KafkaConnection, options: KafkaTopicOptions): Promise<void> {
  const { name, partitions, retentionMs = WEEK_MS, replicas = 3 } = options
  const find = async (): Promise<number | undefined> =>
    (await connection.topic(name, { isFresh: true }))?.leaders.length
  let present = await find()
  if (present === undefined) {
    const held = Math.min(replicas, await connection.countBrokers())
    const settings = {
      'retention.ms': String(retentionMs),
      'min.insync.replicas': String(Math.max(1, held - 1)),
      // When an event was first published, wherever that was.
      'message.timestamp.type': 'CreateTime',
    }
    if (await connection.createTopic({ name, partitions, replicas: held, settings })) return
    // Somebody else was faster; that it can't be seen yet is no error.
    present = (await find()) ?? partitions
  }
  if (present === partitions) return
  throw new TenfoldError(
    'TF_TOPIC_CHANGED',
    `expected topic ${name} in Kafka to have ${partitions} partitions, got ${present}`,
    {
      hint: 'keep the number of partitions, or publish to a topic with another name',
      details: { topic: name, partitions, present },
    },
  )
}

/** @throws TF_TOPIC_UNKNOWN */
export async function requireKafkaTopic(connection: KafkaConnection, name: string): Promise<KafkaTopic> {
  const topic = await connection.topic(name)
  if (topic !== undefined) return topic
  throw new TenfoldError('TF_TOPIC_UNKNOWN', `expected ${name} to be a topic of Kafka`, {
    hint: 'add the topic to the blueprint, and start the system with it',
    details: { topic: name },
  })
}
