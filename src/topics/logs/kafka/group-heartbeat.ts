import type { KafkaConnection } from '../../../backends/kafka/kafka-connection.ts'

/** A member as it presents itself to the group. */
export interface GroupMember {
  readonly group: string
  readonly memberId: string
  /** 0: it wants to join. */
  readonly epoch: number
  readonly topic: string
  readonly topicId: string
  /** Partitions that it works on, or has not finished with. */
  readonly owned: readonly number[]
}

/** What the group answers. */
export interface GroupAnswer {
  readonly epoch: number
  /** The next heartbeat should come so long after this one. */
  readonly intervalMs: number
  /** Partitions that the member may have; undefined: no change. */
  readonly assigned: readonly number[] | undefined
}

/** Whoever is asked for a partition has this long to finish what is under way; then it is another's. */
const REBALANCE_TIMEOUT_MS = 300_000
const LEAVING = -1
/** None of these. */
const [INSTANCE, RACK, TOPIC_PATTERN, ASSIGNOR] = [null, null, null, null]

interface HeartbeatResponse {
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  readonly assignment: {
    readonly topicPartitions: readonly { readonly topicId: string; readonly partitions: readonly number[] }[]
  } | null
}

/**
 * One heartbeat of the protocol of KIP-848 (Kafka 4): the member says what it owns, the group what it may have. A partition
 * is given to another member only when its owner has said that it does not own it any more, or is out of the group.
 */
export async function sendHeartbeat(connection: KafkaConnection, member: GroupMember): Promise<GroupAnswer> {
  const { group, memberId, epoch, topic, topicId, owned } = member
  const topicPartitions = owned.length === 0 ? [] : [{ topicId, partitions: owned }]
  const response = await connection.askCoordinator<HeartbeatResponse>(
    group,
    'ConsumerGroupHeartbeat',
    group,
    memberId,
    epoch,
    INSTANCE,
    RACK,
    REBALANCE_TIMEOUT_MS,
    [topic],
    TOPIC_PATTERN,
    ASSIGNOR,
    topicPartitions,
  )
  const assigned = response.assignment?.topicPartitions.filter((each) => each.topicId === topicId)
  return {
    epoch: response.memberEpoch,
    intervalMs: response.heartbeatIntervalMs,
    assigned: assigned?.flatMap(({ partitions }) => partitions),
  }
}

/** The member is out of the group when it resolves. */
export async function sendLeave(
  connection: KafkaConnection,
  { group, memberId }: { readonly group: string; readonly memberId: string },
): Promise<void> {
  const nothing = [INSTANCE, RACK, REBALANCE_TIMEOUT_MS, [], TOPIC_PATTERN, ASSIGNOR, []]
  await connection.askCoordinator(group, 'ConsumerGroupHeartbeat', group, memberId, LEAVING, ...nothing)
}
