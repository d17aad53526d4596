import { connectKafka } from '../../../backends/kafka/kafka-connection.ts'
import type { Clock } from '../../../core/clock.ts'
import { systemClock } from '../../../core/clock.ts'
import type { Duration } from '../../../core/duration.ts'
import { parseDuration } from '../../../core/duration.ts'
import { partitionOf } from '../../../core/key-hash.ts'
import type { Random } from '../../../core/random.ts'
import { freshSeed, seededRandom } from '../../../core/random.ts'
import type { TopicDatabase } from '../../topic-database.ts'
import type { LogCapabilities, TopicLog } from '../../topic-log.ts'
import { createDeadLetters } from '../postgres/dead-letter-table.ts'
import { createTopicCatalog } from '../postgres/topic-catalog.ts'
import { countMoves, groupMoves, registerGroup } from '../postgres/group-catalog.ts'
import { messageOfEvent } from './event-message.ts'
import { commitOffsets, kafkaGroupOf, logOffsets } from './group-offsets.ts'
import { requireKafkaTopic } from './kafka-topic.ts'
import { createKafkaMembership } from './membership.ts'

/** @see createKafkaLog */
export interface KafkaLogOptions {
  /** Where Kafka is: `'kafka://one:9092,two:9092'`, see `parseKafkaUrl`. */
  readonly url: string
  /**
   * Keeps what Kafka does not: which groups there are, how often they were moved, and their dead letters. Prepared by
   * `installLayout`, with the topics by `ensureTopic`.
   */
  readonly database: TopicDatabase
  /**
   * How long a member that stands still keeps its partitions by its own clock; not longer than the brokers say
   * (`group.consumer.session.timeout.ms`).
   * @default '45s'
   */
  readonly session?: Duration
  readonly clock?: Clock
  readonly random?: Random
}

/** A log in Kafka. */
export interface KafkaLog extends TopicLog {
  /** Ends its connections; its members have left before. Safe to call twice. */
  end(): Promise<void>
}

export const KAFKA_CAPABILITIES: LogCapabilities = {
  canReplay: true,
  keepsOrderPerKey: true,
  blocksKeys: true,
  publishesInTransaction: false,
  commitsInTransaction: false,
}

/**
 * The log in a cluster of Kafka 4.0 or later, whose topics `ensureKafkaTopic` has made.
 *
 * An event is published when all replicas in sync have it. Its key decides its partition as in every other log of ours.
 * Effects are once by the inbox in the database of the effects. No transactions of Kafka are used.
 *
 * @throws TF_PEER_MISSING the client is not installed
 *
 * @example
 * const log = createKafkaLog({ url: 'kafka://127.0.0.1:9092', database })
 * await log.publish('orders', [{ messageId: uniqueId(), key: 'user-7', payload: '{"cents":5}' }])
 */
export function createKafkaLog(options: KafkaLogOptions): KafkaLog {
  const { url, database, clock = systemClock, random = seededRandom(freshSeed()) } = options
  const sessionMs = parseDuration(options.session ?? '45s')
  const connection = connectKafka(url, { clock })
  const catalog = createTopicCatalog(database)
  const wakeUps = new Map<string, Set<(partition: number | undefined) => void>>()
  const wake = (topic: string, partition: number): void => {
    for (const callback of wakeUps.get(topic) ?? []) callback(partition)
  }
  return {
    capabilities: KAFKA_CAPABILITIES,
    isIn: () => false,
    async publish(topic, events) {
      if (events.length === 0) return
      const { leaders } = await requireKafkaTopic(connection, topic)
      // All events without a key in one partition: they stay together, and the next publish goes elsewhere.
      const anywhere = random.integer(leaders.length)
      const nowEpochMs = clock.epochMs()
      await connection.produce(
        events.map((event) => {
          const partition = event.key === undefined ? anywhere : partitionOf(event.key, leaders.length)
          return messageOfEvent(event, { topic, partition, nowEpochMs })
        }),
      )
    },
    async join({ topic: name, group, from, run }) {
      const [{ id }, known] = await Promise.all([requireKafkaTopic(connection, name), catalog.find(name)])
      const consumer = await registerGroup(database, known, group, async () => {
        // Only once, so that a group whose offsets Kafka has forgotten goes on where its log begins, and loses nothing.
        if (from !== 'now') return
        const offsets = await logOffsets(connection, name, 'end')
        await commitOffsets(connection, { group: kafkaGroupOf(name, group, 0), topic: name }, offsets)
      })
      const readMoves = (): Promise<number> => groupMoves(database, consumer)
      const topic = { name, id }
      const onEvents = (partition: number): void => wake(name, partition)
      return createKafkaMembership({ connection, clock, topic, group, readMoves, sessionMs, onEvents, run })
    },
    async moveGroup(name, group, to) {
      const consumer = await registerGroup(database, await catalog.find(name), group)
      await requireKafkaTopic(connection, name)
      const offsets = await logOffsets(connection, name, to === 'beginning' ? 'start' : to === 'now' ? 'end' : to)
      await countMoves(database, consumer, async (moves) => {
        await commitOffsets(connection, { group: kafkaGroupOf(name, group, moves), topic: name }, offsets)
      })
    },
    async deadLetters(name, group) {
      const consumer = await registerGroup(database, await catalog.find(name), group)
      return createDeadLetters(database, consumer)
    },
    onWake(topic, callback) {
      const callbacks = wakeUps.get(topic) ?? new Set()
      wakeUps.set(topic, callbacks.add(callback))
      return () => void callbacks.delete(callback)
    },
    end: () => connection.end(),
  }
}
