/** A topic as an operator sees it, a few seconds old at most while something changes. */
export interface TopicStatus {
  readonly name: string
  readonly partitions: number
  /** The database that holds its events, or is beside the engine that does. */
  readonly database: string
  /** Events a second that were published lately; absent until two readings were made. */
  readonly publishedPerSecond?: number
  /** By name. */
  readonly groups: readonly TopicGroupStatus[]
  /** What waits in other databases to be moved to the log; those where something does. */
  readonly outboxes: readonly OutboxStatus[]
}

/** How far a group is on a topic. */
export interface TopicGroupStatus {
  readonly group: string
  /** Events that are not finished. */
  readonly messages: number
  /** There are more than that. */
  readonly isMore: boolean
  /** Of the oldest of them; 0: there is none. */
  readonly oldestAgeMs: number
  /** Members that have a partition. */
  readonly members: number
  /** Events that it could not handle. */
  readonly deadLetters: number
  /** Events a second that it finished lately. */
  readonly finishedPerSecond?: number
}

export interface OutboxStatus {
  /** The database of those who publish. */
  readonly database: string
  readonly messages: number
  readonly oldestAgeMs: number
}
