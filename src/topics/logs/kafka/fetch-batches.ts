import type { KafkaConnection } from '../../../backends/kafka/kafka-connection.ts'
import type { MessageBatch } from './event-message.ts'
import { requireKafkaTopic } from './kafka-topic.ts'

/** @see fetchBatches */
export interface FetchBatchesOptions {
  readonly topic: string
  readonly partition: number
  /** In the log, or at its end. */
  readonly offset: bigint
  /** About so much; one batch comes always. */
  readonly bytes: number
}

interface FetchResponse {
  readonly responses: readonly {
    readonly partitions: readonly { readonly records?: readonly MessageBatch[] | null }[]
  }[]
}

/** What a partition has from an offset on; waits for nothing. The first batch may begin before the offset. */
export async function fetchBatches(
  connection: KafkaConnection,
  { topic, partition, offset, bytes }: FetchBatchesOptions,
): Promise<readonly MessageBatch[]> {
  const { id, leaders } = await requireKafkaTopic(connection, topic)
  const asked = {
    partition,
    currentLeaderEpoch: -1,
    fetchOffset: offset,
    lastFetchedEpoch: -1,
    partitionMaxBytes: bytes,
  }
  const topics = [{ topicId: id, partitions: [asked] }]
  const [wait, bytesMin, isolation, session, epoch] = [0, 0, 0, 0, -1]
  const leader = leaders[partition] as number
  const more = [wait, bytesMin, bytes, isolation, session, epoch, topics, [], '']
  const response = await connection.askBroker<FetchResponse>(leader, 'Fetch', ...more)
  return response.responses.flatMap(({ partitions }) => partitions.flatMap(({ records }) => records ?? []))
}
