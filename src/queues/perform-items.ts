import type { StandardSchema } from '../blueprint/standard-schema.ts'
import { decodeEvent } from '../topics/event-schema.ts'
import type { EffectsDatabase } from '../topics/handler.ts'
import { onlyNew } from '../topics/inbox.ts'
import { IDLE_LIMIT } from '../topics/perform.ts'
import type { TopicTransaction } from '../topics/topic-database.ts'
import type { ItemContext, ItemHandler, ReceivedItem } from './item-handler.ts'
import type { ClaimedItem, QueueWorker } from './queue-engine.ts'

/** How a handler is called for items. */
export interface ItemPerformer {
  /**
   * Calls the handler for items, all in one transaction if there is one. Rejects with what the handler, the schema or the
   * database threw; then nothing of the transaction has happened.
   *
   * @returns whether the items are completed with it
   */
  perform(
    items: readonly ClaimedItem[],
    how: { readonly worker: QueueWorker; readonly signal: AbortSignal },
  ): Promise<{ readonly isCompleted: boolean }>
}

/** @see createItemPerformer */
export interface ItemPerformerOptions {
  readonly queue: string
  readonly schema: StandardSchema | undefined
  readonly handler: ItemHandler<unknown, unknown>
  readonly effects: EffectsDatabase<TopicTransaction> | undefined
  /** Whether a transaction of `effects` can complete items. */
  readonly isSameDatabase: boolean
}

/**
 * Effects once, in one of two ways. In the database of the queues the item is completed in the transaction of its effects:
 * if somebody else has it by now, they fail with it. In another database the transaction notes the item in the inbox, and
 * finds it there when it is tried again. Without a database for effects, an item is tried at least once.
 */
export function createItemPerformer(options: ItemPerformerOptions): ItemPerformer {
  const { queue, schema, handler, effects, isSameDatabase } = options

  async function receive(items: readonly ClaimedItem[]): Promise<readonly ReceivedItem<unknown>[]> {
    return Promise.all(
      items.map(async ({ payload, itemId, key, priority, headers, enqueuedEpochMs, attempt }) => {
        const value = await decodeEvent({ topic: queue, noun: 'item', schema }, payload)
        return { value, payload, itemId, key, priority, headers, enqueuedEpochMs, attempt }
      }),
    )
  }

  async function call(items: readonly ReceivedItem<unknown>[], context: ItemContext<unknown>): Promise<void> {
    if (items.length === 0) return
    if ('batch' in handler) await handler.batch(items, context)
    else for (const item of items) await handler.each(item, context)
  }

  /** Those whose effects are not there yet. A second try within eight days after the item was due first is known as one. */
  async function notDone(
    transaction: TopicTransaction,
    items: readonly ClaimedItem[],
    received: readonly ReceivedItem<unknown>[],
  ): Promise<readonly ReceivedItem<unknown>[]> {
    const named = items.map(({ itemId, dueEpochMs }) => ({ messageId: itemId, publishedEpochMs: dueEpochMs }))
    const fresh = new Set((await onlyNew(transaction, `queue/${queue}`, named)).map(({ messageId }) => messageId))
    return received.filter(({ itemId }) => fresh.has(itemId))
  }

  return {
    async perform(items, { worker, signal }) {
      const received = await receive(items)
      const reportProgress = (progress: string): void => {
        for (const item of items) worker.reportProgress(item, progress)
      }
      if (effects === undefined) {
        await call(received, { transaction: undefined, signal, reportProgress })
        return { isCompleted: false }
      }
      await effects.transaction(async (transaction) => {
        const [open] = await Promise.all([
          isSameDatabase ? received : notDone(transaction, items, received),
          transaction.query(IDLE_LIMIT),
        ])
        await call(open, { transaction, signal, reportProgress })
        signal.throwIfAborted()
        if (isSameDatabase) await worker.complete(items, { transaction })
      })
      return { isCompleted: isSameDatabase }
    },
  }
}
