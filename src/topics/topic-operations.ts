import type { StoredEvent } from './topic-log.ts'

/** What people look at and change about the groups of a log, beside what `TopicLog` has. */
export interface TopicOperations {
  /** Groups that have read the topic, by name; not what carries events from an outbox. @throws TF_TOPIC_UNKNOWN */
  groups(topic: string): Promise<readonly string[]>
  /**
   * Events as they are in the log; nobody's progress changes.
   *
   * @throws TF_TOPIC_UNKNOWN, TF_GROUP_UNKNOWN
   */
  peek(topic: string, options: PeekOptions): Promise<readonly StoredEvent[]>
  /**
   * Forgets a group that nobody reads for: its progress, its dead letters, and its hold on the log.
   *
   * @throws TF_TOPIC_UNKNOWN, TF_GROUP_UNKNOWN, TF_GROUP_BUSY
   */
  dropGroup(topic: string, group: string): Promise<void>
}

/** Which events to look at. */
export interface PeekOptions {
  /** Events at most. */
  readonly max: number
  /**
   * - `newest`: the last ones, the newest first.
   * - a group: those that it has not finished, the oldest first.
   * - a time: those that were published then or later, the oldest first; somewhat earlier ones may come, too.
   */
  readonly which: 'newest' | { readonly group: string } | { readonly sinceEpochMs: number }
  /** @default all */
  readonly partition?: number | undefined
}
