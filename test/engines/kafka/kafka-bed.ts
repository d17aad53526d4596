import type { KafkaConnection } from '../../../src/backends/kafka/kafka-connection.ts'
import { connectKafka } from '../../../src/backends/kafka/kafka-connection.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import type { KafkaLog } from '../../../src/topics/logs/kafka/kafka-log.ts'
import { createKafkaLog } from '../../../src/topics/logs/kafka/kafka-log.ts'
import { ensureKafkaTopic } from '../../../src/topics/logs/kafka/kafka-topic.ts'
import { ensureTopic } from '../../../src/topics/logs/postgres/layout.ts'
import type { TopicsBed } from '../../integration/topics/topics-bed.ts'
import { createTopicsBed } from '../../integration/topics/topics-bed.ts'
import type { KafkaBroker } from './kafka-broker.ts'
import { SESSION_MS, startKafkaBroker } from './kafka-broker.ts'

/** A broker, and a database with an empty table `effect (event text, label text)`. */
export interface KafkaBed {
  /** Why nothing can be run; then there is nothing else. */
  readonly missing: string | undefined
  readonly broker: KafkaBroker
  readonly connection: KafkaConnection
  readonly topics: TopicsBed
  readonly url: string
  readonly database: DatabaseConnection
  log(): KafkaLog
  /** A new topic. */
  topic(partitions?: number): Promise<string>
  /** Counts a case for the closing line, and says what was done. */
  ran(what?: string): void
  end(): Promise<void>
}

export async function createKafkaBed(): Promise<KafkaBed> {
  const broker = await startKafkaBroker()
  if ('missing' in broker) {
    const { missing } = broker
    const none = { missing, end: async () => say(`skipped  Kafka, because ${missing}`) }
    return none as unknown as KafkaBed
  }
  const topics = await createTopicsBed()
  const { database, url } = await topics.log()
  await database.query('create table effect (event text, label text)')
  const connection = connectKafka(broker.url)
  let topicCount = 0
  let ran = 0
  return {
    missing: undefined,
    broker,
    connection,
    topics,
    database,
    url,
    log: () => createKafkaLog({ url: broker.url, database, session: `${SESSION_MS}ms` }),
    async topic(partitions = 1) {
      const topic = { name: `topic_${++topicCount}`, partitions }
      await ensureKafkaTopic(connection, topic)
      await ensureTopic(database, topic)
      return topic.name
    },
    ran(what) {
      ran++
      if (what !== undefined) say(what)
    },
    async end() {
      await connection.end()
      await Promise.all([broker.end(), topics.end()])
      say(`ran      Kafka ${broker.version}: ${ran} cases`)
    },
  }
}

function say(line: string): void {
  process.stdout.write(`\n${line}\n`)
}
