import { TenfoldError } from '../../core/errors.ts'
import { uniqueId } from '../../core/random.ts'
import type { FollowPosition } from '../../topics/logs/postgres/follow-log.ts'
import { followLog } from '../../topics/logs/postgres/follow-log.ts'
import { ensureTopic } from '../../topics/logs/postgres/layout.ts'
import type { CatalogTopic } from '../../topics/logs/postgres/topic-catalog.ts'
import { createTopicCatalog } from '../../topics/logs/postgres/topic-catalog.ts'
import type { TopicDatabase } from '../../topics/topic-database.ts'
import type { TopicLog } from '../../topics/topic-log.ts'
import type { CacheTransaction, FeedPosition, Invalidation, InvalidationFeed } from '../invalidation-feed.ts'

/** The topic that invalidations of all caches are in. One partition: everybody reads all of it. */
export const INVALIDATIONS_TOPIC = 'tenfold.invalidations'

/** Makes the topic, in a database that `installLayout` has prepared. As the owner of the database; repeating it changes nothing. */
export async function ensureInvalidations(database: TopicDatabase): Promise<void> {
  await ensureTopic(database, { name: INVALIDATIONS_TOPIC, partitions: 1 })
}

/** @see createPostgresFeed */
export interface PostgresFeedOptions {
  /** The database of the log, its primary; `ensureInvalidations` has prepared it. */
  readonly database: TopicDatabase
  /** The log in it. */
  readonly log: TopicLog
  /**
   * The outbox of another database, for transactions of that; what is published there reaches the log by a relay, which is
   * somewhat later than the commit. @default none has one
   */
  readonly outboxOf?: (database: object) => TopicLog | undefined
}

/** Events of a reading. */
const READ_MAX = 1_000
/** Keys and tags of one event. */
const NAMES_MAX = 1_000

/**
 * The feed in the log of topics: invalidations are rows of the transaction that makes the change, so that nobody sees one
 * without the other.
 *
 * @example
 * const feed = createPostgresFeed({ database, log: createPostgresLog(database) })
 * const coherence = followFeed({ feed })
 */
export function createPostgresFeed({ database, log, outboxOf }: PostgresFeedOptions): InvalidationFeed {
  const catalog = createTopicCatalog(database)
  let topic: CatalogTopic | undefined

  function logFor(transaction: CacheTransaction): TopicLog {
    if (log.isIn(transaction.database as TopicDatabase)) return log
    const outbox = outboxOf?.(transaction.database)
    if (outbox === undefined) throw foreignTransaction()
    return outbox
  }

  return {
    async publish(invalidations, { transaction } = {}) {
      const events = invalidations.flatMap(inParts).map((each) => ({
        messageId: uniqueId(),
        payload: JSON.stringify(each),
      }))
      if (transaction === undefined) await log.publish(INVALIDATIONS_TOPIC, events)
      else await logFor(transaction).publish(INVALIDATIONS_TOPIC, events, { transaction })
    },
    async read(after) {
      topic ??= await catalog.find(INVALIDATIONS_TOPIC)
      const request = { topic: topic.id, partition: 0, after: after as FollowPosition | undefined, max: READ_MAX }
      const { events, position, hasGap, isMore } = await followLog(database, request)
      const invalidations = events.map(({ payload }) => invalidationOf(payload))
      const isUnreadable = invalidations.includes(undefined)
      return {
        invalidations: invalidations.filter((each) => each !== undefined),
        position: position satisfies FeedPosition,
        // Whatever a later version of ours says there, it may be about anything.
        hasGap: hasGap || isUnreadable,
        isAtEnd: !isMore,
      }
    },
    onWake: (callback) => log.onWake(INVALIDATIONS_TOPIC, () => callback()),
  }
}

/** An invalidation of many names as several, so that none is a message without a limit. */
function inParts(invalidation: Invalidation): readonly Invalidation[] {
  const { cache, keys = [], tags = [] } = invalidation
  if (keys.length + tags.length <= NAMES_MAX) return [invalidation]
  return [
    ...slices(keys).map((part) => ({ cache, keys: part })),
    ...slices(tags).map((part) => ({ cache, tags: part })),
  ]
}

function slices(names: readonly string[]): readonly (readonly string[])[] {
  const count = Math.ceil(names.length / NAMES_MAX)
  return Array.from({ length: count }, (_, index) => names.slice(index * NAMES_MAX, (index + 1) * NAMES_MAX))
}

function invalidationOf(payload: string): Invalidation | undefined {
  try {
    const value = JSON.parse(payload) as Partial<Invalidation> | null
    if (typeof value?.cache !== 'string') return undefined
    const isKnown = value.isAll === true || isNames(value.keys) || isNames(value.tags)
    return isKnown ? (value as Invalidation) : undefined
  } catch {
    return undefined
  }
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

function foreignTransaction(): TenfoldError {
  return new TenfoldError(
    'TF_OPTION_INVALID',
    'expected the transaction to be of the database that has the invalidations, or of one with an outbox for them',
    { hint: 'invalidate without it when it has committed, or list the database for the service' },
  )
}
