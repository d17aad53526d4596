import type { KafkaConnection } from '../../../backends/kafka/kafka-connection.ts'

/** A group of Kafka: that of one group on one topic, after so many moves. */
export function kafkaGroupOf(topic: string, group: string, moves: number): string {
  return moves === 0 ? `${topic}.${group}` : `${topic}.${group}.${moves}`
}

/** Who commits; without a membership a group must have no members. */
export interface Committer {
  readonly memberId: string
  readonly epoch: number
}

const NOBODY: Committer = { memberId: '', epoch: -1 }

/** Records up to where a group is: offsets of the first events that are not done. Kafka refuses who is no member any more. */
export async function commitOffsets(
  connection: KafkaConnection,
  { group, topic, by = NOBODY }: { readonly group: string; readonly topic: string; readonly by?: Committer },
  offsets: ReadonlyMap<number, bigint>,
): Promise<void> {
  const partitions = [...offsets].map(([partitionIndex, committedOffset]) => ({
    partitionIndex,
    committedOffset,
    committedLeaderEpoch: -1,
    committedMetadata: null,
  }))
  const topics = [{ name: topic, partitions }]
  await connection.askCoordinator(group, 'OffsetCommit', group, by.epoch, by.memberId, null, topics)
}

interface OffsetFetchResponse {
  readonly groups: readonly {
    readonly topics: readonly {
      readonly partitions: readonly { readonly partitionIndex: number; readonly committedOffset: bigint }[]
    }[]
  }[]
}

/** Up to where a group is; partitions on which it has never committed are left out. */
export async function committedOffsets(
  connection: KafkaConnection,
  { group, topic }: { readonly group: string; readonly topic: string },
  partitions: readonly number[],
): Promise<ReadonlyMap<number, bigint>> {
  const asked = {
    groupId: group,
    memberId: null,
    memberEpoch: -1,
    topics: [{ name: topic, partitionIndexes: partitions }],
  }
  const response = await connection.askCoordinator<OffsetFetchResponse>(group, 'OffsetFetch', [asked], true)
  const found = response.groups.flatMap(({ topics }) => topics.flatMap((each) => each.partitions))
  return new Map(
    found
      .filter(({ committedOffset }) => committedOffset >= 0n)
      .map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]),
  )
}

interface ListOffsetsResponse {
  readonly topics: readonly {
    readonly partitions: readonly { readonly partitionIndex: number; readonly offset: bigint }[]
  }[]
}

const END = -1n
const START = -2n

/**
 * Where the log of each partition starts, ends, or has its first event of this time or later: the end if there is none.
 *
 * @param partitions @default all
 */
export async function logOffsets(
  connection: KafkaConnection,
  topic: string,
  at: 'start' | 'end' | { readonly epochMs: number },
  partitions?: readonly number[],
): Promise<ReadonlyMap<number, bigint>> {
  return connection.persist((isFresh) => listOffsets(connection, { topic, at, partitions, isFresh }))
}

interface OffsetQuestion {
  readonly topic: string
  readonly at: 'start' | 'end' | { readonly epochMs: number }
  readonly partitions: readonly number[] | undefined
  readonly isFresh: boolean
}

async function listOffsets(
  connection: KafkaConnection,
  { topic, at, partitions, isFresh }: OffsetQuestion,
): Promise<ReadonlyMap<number, bigint>> {
  const leaders = (await connection.topic(topic, { isFresh }))?.leaders ?? []
  const timestamp = at === 'end' ? END : at === 'start' ? START : BigInt(Math.ceil(at.epochMs))
  const wanted = partitions ?? leaders.map((_, partition) => partition)
  const offsets = new Map<number, bigint>()
  for (const [leader, group] of Map.groupBy(wanted, (partition) => leaders[partition] as number)) {
    const questions = group.map((partitionIndex) => ({ partitionIndex, currentLeaderEpoch: -1, timestamp }))
    const asked = [{ name: topic, partitions: questions }]
    const response = await connection.askBroker<ListOffsetsResponse>(leader, 'ListOffsets', -1, 0, asked)
    for (const { partitionIndex, offset } of response.topics.flatMap((each) => each.partitions)) {
      offsets.set(partitionIndex, offset)
    }
  }
  // No event is that late.
  const late = [...offsets].filter(([, offset]) => offset < 0n).map(([partition]) => partition)
  if (late.length === 0) return offsets
  return new Map([...offsets, ...(await logOffsets(connection, topic, 'end', late))])
}
