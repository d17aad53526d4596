import type { Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import type { TopicDatabase, TopicTransaction } from '../topics/topic-database.ts'
import type { ReceivedItem } from './item-handler.ts'
import type { NewItem, QueueEngine } from './queue-engine.ts'
import { createWorker } from './worker.ts'

/*
 * An outbox is a queue in the database of those who put items in, so that doing it is a row of their transaction. The relay
 * works on that queue: its effect is to put the items into the real one, under the same ids, in one transaction with the
 * inbox, which knows what has arrived. Killed at any step, what was not committed comes again, and what was is left out.
 */

/** The name of the queue in the outbox; make it with `ensureQueue`. */
export function outboxQueue(queue: string): string {
  return `outbox/${queue}`
}

/** @see withOutbox */
export interface OutboxOptions {
  readonly engine: QueueEngine
  /** The queues in the database of the transactions. */
  readonly outbox: QueueEngine
}

/**
 * The engine for those whose transactions are of another database than its own: what they put in with one goes through
 * their outbox, and begins some milliseconds later. Whether it is a duplicate is known only then, so that they are never
 * told. Everything else is the engine's.
 */
export function withOutbox({ engine, outbox }: OutboxOptions): QueueEngine {
  return {
    join: (queue, options) => engine.join(queue, options),
    isIn: (database) => engine.isIn(database),
    deadItems: (queue) => engine.deadItems(queue),
    onWake: (queue, callback) => engine.onWake(queue, callback),
    capabilities: { ...engine.capabilities, enqueuesInTransaction: outbox.capabilities.enqueuesInTransaction },
    async enqueue(queue, items, options = {}) {
      if (options.transaction === undefined) return engine.enqueue(queue, items)
      return outbox.enqueue(outboxQueue(queue), items.map(wrap), options)
    },
    async cancel(queue, itemId) {
      const outcome = await outbox.cancel(outboxQueue(queue), itemId)
      return outcome === 'cancelled' ? outcome : engine.cancel(queue, itemId)
    },
  }
}

/** @see createQueueRelay */
export interface QueueRelayOptions extends OutboxOptions {
  readonly queue: string
  /**
   * The database of `engine`, with the layout of topics, which has the inbox: then each item arrives once. Undefined for an
   * engine that has none: then an item may arrive again, with the same id.
   */
  readonly database?: TopicDatabase | undefined
  readonly clock?: Clock
}

/** Moves items of one queue from an outbox to their engine, from `start` to `stop`. As many as one likes may run. */
export function createQueueRelay({ engine, outbox, queue, database, clock }: QueueRelayOptions): Component {
  return createWorker<WrappedItem, TopicTransaction | undefined>({
    engine: outbox,
    queue: outboxQueue(queue),
    effects: database,
    batchMax: 500,
    // Nothing is ever put aside here.
    retry: { attempts: Infinity, pause: '200ms', pauseMax: '5s' },
    handler: {
      batch: async (items, { transaction }) => void (await engine.enqueue(queue, items.map(unwrap), { transaction })),
    },
    ...(clock === undefined ? {} : { clock }),
  })
}

/** An item as the payload of another. */
type WrappedItem = Omit<NewItem, 'itemId' | 'priority'>

function wrap({ itemId, priority, ...rest }: NewItem): NewItem {
  return { itemId, priority, payload: JSON.stringify(rest satisfies WrappedItem) }
}

/** A delay counts from when the item was put into the outbox. */
function unwrap({ itemId, priority, value, enqueuedEpochMs }: ReceivedItem<WrappedItem>): NewItem {
  const { notBefore } = value
  return {
    ...value,
    itemId,
    priority,
    notBefore:
      notBefore !== undefined && 'delayMs' in notBefore ? { epochMs: enqueuedEpochMs + notBefore.delayMs } : notBefore,
  }
}
