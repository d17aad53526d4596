import type { StandardSchema } from '../blueprint/standard-schema.ts'
import { decodeEvent } from './event-schema.ts'
import { AHEAD_MAX } from './finished-prefix.ts'
import type { EffectsDatabase, Handler, HandlerContext, ReceivedEvent } from './handler.ts'
import { onlyNew } from './inbox.ts'
import type { TopicTransaction } from './topic-database.ts'
import type { PartitionClaim, StoredEvent } from './topic-log.ts'

/** How a handler is called for events. */
export interface Performer {
  /**
   * Calls the handler for events of one partition, all in one transaction if there is one. Rejects with what the handler,
   * the schema or the database threw; then nothing of the transaction has happened.
   *
   * Events whose effects are there already are left out.
   */
  perform(events: readonly StoredEvent[], how: PerformOptions): Promise<Performed>
}

/** What has become of a call. */
export interface Performed {
  /** Whether progress up to the last event is committed with it. */
  readonly isCommitted: boolean
  /** Events that the handler was called for. */
  readonly handled: number
}

export interface PerformOptions {
  readonly attempt: number
  readonly claim: PartitionClaim
  /** Of the last event; undefined where progress has nothing to do with it, as for a letter that is tried again. */
  readonly sequence: number | undefined
}

/** @see createPerformer */
export interface PerformerOptions {
  readonly topic: string
  readonly group: string
  readonly schema: StandardSchema | undefined
  readonly handler: Handler<unknown, unknown>
  readonly effects: EffectsDatabase<TopicTransaction> | undefined
  /** Whether a transaction of `effects` can commit progress. */
  readonly isSameDatabase: boolean
}

/** A process that stands still inside a transaction holds what its successor waits for: not for longer than this. */
export const IDLE_LIMIT: string = `select set_config('idle_in_transaction_session_timeout', '30s', true)`

/**
 * Effects once, in one of two ways. Where batches have their effects in the database of the log, progress is committed in
 * the same transaction: no event is delivered again whose effects are there, but for those that a member before may have
 * done one by one, as one of another release. Everywhere else the transaction notes the
 * event in the inbox, and finds it there when it is delivered again. Without a database for effects, a handler is called
 * at least once for each event.
 */
export function createPerformer(options: PerformerOptions): Performer {
  const { topic, group, schema, handler, effects } = options
  const inboxName = `${topic}/${group}`

  async function receive(events: readonly StoredEvent[], attempt: number): Promise<readonly ReceivedEvent<unknown>[]> {
    return Promise.all(
      events.map(async ({ messageId, key, headers, partition, id, publishedEpochMs, payload }) => {
        const value = await decodeEvent({ topic, schema }, payload)
        return { value, payload, messageId, key, headers, partition, id, publishedEpochMs, attempt }
      }),
    )
  }

  async function call(events: readonly ReceivedEvent<unknown>[], context: HandlerContext<unknown>): Promise<void> {
    if (events.length === 0) return
    if ('batch' in handler) await handler.batch(events, context)
    else for (const event of events) await handler.each(event, context)
  }

  return {
    async perform(events, { attempt, claim, sequence }) {
      const received = await receive(events, attempt)
      const { lost: signal } = claim
      if (effects === undefined) {
        await call(received, { transaction: undefined, signal })
        return { isCommitted: false, handled: received.length }
      }
      const canCommit = options.isSameDatabase && claim.commitsInTransaction !== false
      const isCommitted = 'batch' in handler && canCommit && sequence !== undefined
      try {
        const handled = await effects.transaction(async (transaction) => {
          const [fresh] = await Promise.all([
            isCommitted && !mayBeDone(claim, sequence) ? received : onlyNew(transaction, inboxName, received),
            transaction.query(IDLE_LIMIT),
          ])
          await call(fresh, { transaction, signal })
          if (isCommitted) await claim.commit(sequence, { transaction })
          return fresh.length
        })
        return { isCommitted, handled }
      } catch (error) {
        claim.rolledBack()
        throw error
      }
    },
  }
}

/** A member that handles events one by one is ahead of the progress that it has committed by no more than this. */
const AHEAD_OF_PROGRESS_MAX = 2 * AHEAD_MAX

/** Whether the first of the events may be in the inbox though progress is before it. */
function mayBeDone({ mayRepeat = false }: PartitionClaim, lastSequence: number): boolean {
  return mayRepeat || lastSequence <= AHEAD_OF_PROGRESS_MAX
}
