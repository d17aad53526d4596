import type { KafkaConnection } from '../../../backends/kafka/kafka-connection.ts'
import { kafkaReason } from '../../../backends/kafka/kafka-failure.ts'
import type { Clock } from '../../../core/clock.ts'
import { systemClock } from '../../../core/clock.ts'
import type { LagReader, PartitionReading } from '../../lag.ts'
import { RELAY_GROUP } from '../../relay-group.ts'
import type { TopicDatabase } from '../../topic-database.ts'
import { SCHEMA } from '../postgres/schema-name.ts'
import { eventsOfBatch } from './event-message.ts'
import { fetchBatches } from './fetch-batches.ts'
import { committedOffsets, kafkaGroupOf, logOffsets } from './group-offsets.ts'

/** @see createKafkaLagReader */
export interface KafkaLagReaderOptions {
  readonly connection: KafkaConnection
  /** Knows the groups and their dead letters. */
  readonly database: TopicDatabase
  readonly topics: readonly string[]
  readonly clock?: Clock
}

/**
 * Reads lags of topics in Kafka: to the event, since offsets count. What Kafka has deleted before a group read it is not counted.
 * A reading is a few requests for each group, and one for each partition on which the group has moved on and is behind.
 */
export function createKafkaLagReader(options: KafkaLagReaderOptions): LagReader {
  const { connection, database, topics, clock = systemClock } = options
  /** By place: the oldest event that is not finished, and when it was published. */
  let oldest = new Map<string, Oldest>()
  let fresh = new Map<string, Oldest>()

  async function readGroup(group: KnownGroup, log: LogEnds): Promise<readonly PartitionReading[]> {
    const { topic, name, letters } = group
    const asked = { group: kafkaGroupOf(topic, name, group.moves), topic }
    const partitions = [...log.end.keys()]
    const [committed, owners] = await Promise.all([
      committedOffsets(connection, asked, partitions),
      readOwners(connection, asked),
    ])
    return Promise.all(
      partitions.map(async (partition): Promise<PartitionReading> => {
        const [start, end] = [log.start.get(partition) ?? 0n, log.end.get(partition) ?? 0n]
        const done = clamp(committed.get(partition) ?? start, start, end)
        const epochMs =
          done === end ? undefined : await publishedAt(`${asked.group}/${partition}`, topic, partition, done)
        return {
          topic,
          group: name,
          partition,
          unread: Number(end - done),
          isMore: false,
          oldestAgeMs: epochMs === undefined ? undefined : Math.max(0, clock.epochMs() - epochMs),
          done,
          owner: owners.get(partition),
          deadLetters: letters[String(partition)] ?? 0,
        }
      }),
    )
  }

  async function publishedAt(
    place: string,
    topic: string,
    partition: number,
    offset: bigint,
  ): Promise<number | undefined> {
    const known = oldest.get(place)
    const epochMs = known?.offset === offset ? known.epochMs : await readTime(connection, { topic, partition, offset })
    if (epochMs !== undefined) fresh.set(place, { offset, epochMs })
    return epochMs
  }
  return {
    async read() {
      const atMs = clock.nowMs()
      fresh = new Map()
      const [ends, groups] = await Promise.all([
        Promise.all(topics.map((topic) => readEnds(connection, topic))),
        readGroups(database, topics),
      ])
      const readings = await Promise.all(
        groups.map((group) => readGroup(group, ends[topics.indexOf(group.topic)] as LogEnds)),
      )
      oldest = fresh
      return {
        atMs,
        topics: topics.map((topic, index) => {
          const { end } = ends[index] as LogEnds
          return { topic, partitions: end.size, published: [...end.values()].reduce((sum, offset) => sum + offset, 0n) }
        }),
        partitions: readings.flat(),
      }
    },
  }
}

interface Oldest {
  readonly offset: bigint
  readonly epochMs: number
}

interface LogEnds {
  readonly start: ReadonlyMap<number, bigint>
  readonly end: ReadonlyMap<number, bigint>
}

async function readEnds(connection: KafkaConnection, topic: string): Promise<LogEnds> {
  const [start, end] = await Promise.all([logOffsets(connection, topic, 'start'), logOffsets(connection, topic, 'end')])
  return { start, end }
}

interface KnownGroup {
  readonly topic: string
  readonly name: string
  readonly moves: number
  /** Dead letters by partition. */
  readonly letters: Readonly<Record<string, number>>
}

async function readGroups(database: TopicDatabase, topics: readonly string[]): Promise<readonly KnownGroup[]> {
  const { rows } = await database.query<KnownGroup>(
    `select topic.name as topic, consumer.name, consumer.moves, coalesce(
       (select json_object_agg(partition, count) from (
          select partition, count(*)::int as count from ${SCHEMA}.dead_letter where consumer = consumer_id group by partition
        ) letter), '{}') as letters
     from (select *, id as consumer_id from ${SCHEMA}.consumer_group) consumer
     join ${SCHEMA}.topic on topic.id = consumer.topic
     where topic.name = any ($1) and consumer.name <> '${RELAY_GROUP}' order by 1, 2`,
    [topics],
  )
  return rows
}

interface DescribeResponse {
  readonly groups: readonly {
    readonly members: readonly {
      readonly memberId: string
      readonly assignment: {
        readonly topicPartitions: readonly { readonly topicName: string; readonly partitions: readonly number[] }[]
      }
    }[]
  }[]
}

async function readOwners(
  connection: KafkaConnection,
  { group, topic }: { readonly group: string; readonly topic: string },
): Promise<ReadonlyMap<number, string>> {
  // A group that nobody has joined yet is refused: it has no members.
  const none: DescribeResponse = { groups: [] }
  const response = await connection
    .askCoordinator<DescribeResponse>(group, 'ConsumerGroupDescribe', [group], false)
    .catch((error: unknown) => {
      if (kafkaReason(error) === 'GROUP_ID_NOT_FOUND') return none
      throw error
    })
  const owners = response.groups.flatMap(({ members }) =>
    members.flatMap(({ memberId, assignment }) =>
      assignment.topicPartitions
        .filter(({ topicName }) => topicName === topic)
        .flatMap(({ partitions }) => partitions.map((partition) => [partition, memberId] as const)),
    ),
  )
  return new Map(owners)
}

/** When the event at an offset, or the next one, was published; undefined: there is none. */
async function readTime(
  connection: KafkaConnection,
  { topic, partition, offset }: { readonly topic: string; readonly partition: number; readonly offset: bigint },
): Promise<number | undefined> {
  // One byte is enough for the whole batch: the first one always comes.
  const batches = await fetchBatches(connection, { topic, partition, offset, bytes: 1 })
  // Ids are for those who read it.
  return batches.flatMap((batch) => eventsOfBatch(batch, { topicId: '', partition, from: offset }))[0]?.publishedEpochMs
}

function clamp(offset: bigint, start: bigint, end: bigint): bigint {
  return offset < start ? start : offset > end ? end : offset
}
