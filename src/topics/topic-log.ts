import type { DeadLetters } from './dead-letters.ts'
import type { TopicDatabase, TopicTransaction } from './topic-database.ts'

/** What an engine can do beyond the rest of the contract. What it can't do it refuses, or the caller does without. */
export interface LogCapabilities {
  /** A group can be set back to an earlier time, and one that is new can begin with what was published before. */
  readonly canReplay: boolean
  /** Later events of a key can wait behind one that was given up: `onFailure: 'block-key'`. */
  readonly blocksKeys: boolean
  /** Events of one key reach a group in the order in which they were published; see `TopicLog.publish`. */
  readonly keepsOrderPerKey: boolean
  /** An event can be published by a transaction of the database that holds the log: both happen, or neither. */
  readonly publishesInTransaction: boolean
  /** Progress can be committed by a transaction of the database that holds the log. */
  readonly commitsInTransaction: boolean
}

/** An event on its way to a log: what it says is text by now. */
export interface NewEvent {
  /** Stable through repetitions of the same event: consumers know it by this id. A UUID. */
  readonly messageId: string
  /** Events with the same key are in the same partition. Undefined: any partition, in no order. */
  readonly key?: string | undefined
  readonly payload: string
  /**
   * Trace context and the like. No read token of the transaction that publishes: where its commit will stand in the log is
   * not known before. A handler asks the database that it reads for `token()`: the event is there, so the commit stands before it.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * When it was published first, if that was in another log; one that has only its own clock may leave it out.
   * @default now
   */
  readonly publishedEpochMs?: number | undefined
}

/** An event of a log. */
export interface StoredEvent {
  readonly messageId: string
  readonly partition: number
  /** Its number in the log, for people and for looking it up; later events may have smaller ones. */
  readonly id: string
  readonly key: string | undefined
  readonly payload: string
  readonly headers: Readonly<Record<string, string>>
  /** By the clock of the log, or of who has published it first; the same at each delivery. */
  readonly publishedEpochMs: number
}

/** An event as a claim has handed it out. */
export interface ClaimedEvent extends StoredEvent {
  /** Counts what the claim has handed out, from 1. */
  readonly sequence: number
}

/**
 * The right of one member to read one partition for its group, until it is given back or lost. Its methods may be called
 * at once: they take turns.
 */
export interface PartitionClaim {
  readonly partition: number
  /** Grows each time the partition changes hands. */
  readonly epoch: number
  /** Whether `commit` takes a transaction of the database that the log is in. @default what the log can do */
  readonly commitsInTransaction?: boolean | undefined
  /** Its events may have had their effects though progress does not say so: only an inbox knows. @default false */
  readonly mayRepeat?: boolean | undefined
  /** Aborted when another member shall have the partition: finish what is under way, commit, and return. */
  readonly ending: AbortSignal
  /** Aborted once another member may have the partition: begin no more work, nothing can be committed any more. */
  readonly lost: AbortSignal
  /** The next events, `max` at most, in order; fewer: there are no more now. @throws TF_CLAIM_LOST */
  read(max: number): Promise<readonly ClaimedEvent[]>
  /**
   * Records that all events up to and including this one are done; whoever has the partition next goes on behind it.
   * Given a transaction, it counts if and only if that commits, so a member that was too slow makes its own effects fail;
   * let it be the last statement, commit nothing else meanwhile, and call `rolledBack` if it fails.
   *
   * @throws TF_CLAIM_LOST another member has the partition
   */
  commit(sequence: number, options?: { transaction?: TopicTransaction }): Promise<void>
  /** The transaction that was given to `commit` has ended otherwise, or nobody knows how. */
  rolledBack(): void
}

/** @see TopicLog.publish */
export interface LogPublishOptions {
  /** Of the database that holds the log. */
  readonly transaction?: TopicTransaction | undefined
  /**
   * The log itself lets transactions that publish the same key take turns, from this call to their end: then the events of
   * the key have the order of the commits whatever else the transactions lock, if all that publish it do so. Two
   * that publish several keys in opposite orders, in several calls, deadlock: one is rolled back, and run again.
   * @default false
   */
  readonly isStrict?: boolean | undefined
}

/** How a member takes part in a group. */
export interface JoinOptions {
  readonly topic: string
  readonly group: string
  /** Where a group begins that is new. @default 'beginning': nothing that was published before its first member came is left out */
  readonly from?: 'beginning' | 'now' | undefined
  /**
   * Called with each partition that this member gets; does its work and resolves soon after the claim is ending or lost.
   * The partition is another member's only then, unless the claim is lost.
   */
  run(claim: PartitionClaim): Promise<void>
}

/** One member of a group. */
export interface Membership {
  /**
   * Gives every partition back, each when its `run` has returned, and leaves. Those that have not returned by the deadline
   * are lost, and free for others when their lease is over. Safe to call twice.
   */
  leave(deadlineMs: number): Promise<void>
}

/**
 * An ordered, replayable stream of events for each topic, in partitions, read by groups: each event goes to one member
 * of every group, at least once.
 */
export interface TopicLog {
  readonly capabilities: LogCapabilities
  /**
   * Adds events; they are durable when it resolves, or when the transaction has committed. All or none of them are where
   * the engine `publishesInTransaction`; elsewhere some may be if it fails.
   *
   * Order: what is published after an earlier publish has resolved comes after it. Events of one key, published in
   * transactions, keep the order of the commits if each transaction holds a lock for the key, such as that of the row
   * which the event tells about, from before it publishes until it ends. Without, transactions that overlap are in any order.
   *
   * @throws TF_TOPIC_UNKNOWN, TF_PUBLISH_OVERLOAD
   */
  publish(topic: string, events: readonly NewEvent[], options?: LogPublishOptions): Promise<void>
  /** Takes part in a group. @throws TF_TOPIC_UNKNOWN */
  join(options: JoinOptions): Promise<Membership>
  /** Whether a transaction of this database can commit progress, or publish. */
  isIn(database: TopicDatabase): boolean
  /**
   * Moves a group: it goes on with what was published at this time or later, or from an end of the log. What its members
   * have under way is not committed. Somewhat earlier events may come, too; what the inbox knows has no effects again.
   *
   * @throws TF_TOPIC_UNKNOWN
   */
  moveGroup(topic: string, group: string, to: 'beginning' | 'now' | { readonly epochMs: number }): Promise<void>
  /** What a group could not handle. @throws TF_TOPIC_UNKNOWN */
  deadLetters(topic: string, group: string): Promise<DeadLetters>
  /**
   * Calls back soon after events may have been published, with the partition if it is known. It may call for nothing, or
   * not at all: look now and then. Returns how to end it.
   */
  onWake(topic: string, callback: (partition: number | undefined) => void): () => void
}
