import type { Component } from '../core/component.ts'
import type { Clock } from '../core/clock.ts'
import { createConsumer } from './consumer.ts'
import { RELAY_GROUP } from './relay-group.ts'
import type { TopicDatabase, TopicTransaction } from './topic-database.ts'
import type { TopicLog } from './topic-log.ts'

/*
 * An outbox is a log of its own in the database of those who publish, so that publishing is a row of their transaction and
 * has all that a log has: order per key, partitions, slices that are dropped. The relay is a group on it whose effect is to
 * publish in the real log. Each batch goes there in one transaction with the inbox, which knows what has arrived: killed at
 * any step, what was not committed comes again, and what was is left out. Two relays that both think they have a partition
 * wait for each other in the inbox, so that the order stands. Both topics have the same number of partitions, and the hash
 * of keys is the same, hence so is the partition.
 */

/** @see createRelay */
export interface RelayOptions {
  /** The log in the database of those who publish. */
  readonly outbox: TopicLog
  /** Where consumers read. */
  readonly log: TopicLog
  /**
   * The database of `log`, prepared by `installLayout`: then each event arrives once. Undefined for an engine that has
   * none: then an event may arrive again, with the same message id.
   */
  readonly database?: TopicDatabase | undefined
  /** In both logs, with as many partitions. */
  readonly topic: string
  readonly clock?: Clock
}

/**
 * Moves events of one topic from an outbox to its log, in order per key, from `start` to `stop`. As many as one likes may
 * run: they share the partitions.
 */
export function createRelay({ outbox, log, database, topic, clock }: RelayOptions): Component {
  return createConsumer<unknown, TopicTransaction | undefined>({
    log: outbox,
    topic,
    group: RELAY_GROUP,
    effects: database,
    batchMax: 500,
    // Nothing is ever put aside here: the next of a key must not arrive before it.
    retry: { attempts: Infinity, pauseMax: '5s' },
    handler: {
      async batch(events, { transaction }) {
        const forwarded = events.map(({ messageId, key, payload, headers, publishedEpochMs }) => ({
          messageId,
          key,
          payload,
          headers,
          // What the inbox of a consumer knows an event by, beside its id: the same if it arrives twice.
          publishedEpochMs,
        }))
        await log.publish(topic, forwarded, transaction === undefined ? {} : { transaction })
      },
    },
    ...(clock === undefined ? {} : { clock }),
  })
}
