import type { Clock } from '../../../core/clock.ts'
import { systemClock } from '../../../core/clock.ts'
import type { Duration } from '../../../core/duration.ts'
import { parseDuration } from '../../../core/duration.ts'
import { TenfoldError } from '../../../core/errors.ts'
import type { Random } from '../../../core/random.ts'
import { freshSeed, seededRandom, uniqueId } from '../../../core/random.ts'
import type { TopicDatabase } from '../../topic-database.ts'
import type { LogCapabilities, TopicLog } from '../../topic-log.ts'
import { reportTrouble } from '../../trouble.ts'
import { createDeadLetters } from './dead-letter-table.ts'
import { registerGroup } from './group-catalog.ts'
import { createMembership } from './membership.ts'
import { moveProgress } from './move-progress.ts'
import type { PlacedEvent } from './publish.ts'
import { insertEvents, placeEvents, PUBLISH_MAX } from './publish.ts'
import { createPublishQueue } from './publish-queue.ts'
import { ensureGroup } from './progress.ts'
import { tick } from './ticks.ts'
import { createTopicCatalog } from './topic-catalog.ts'
import { createNotifier, readWakeUp } from './wake-ups.ts'

/** A database that can also be listened to, as `connectDatabase` makes it. */
export interface LogDatabase extends TopicDatabase {
  listen(channel: string, onNotification: (payload: string) => void): { end(): Promise<void> }
}

/** @see createPostgresLog */
export interface PostgresLogOptions {
  /** How long a member that stands still keeps its partitions. At least `'1s'`. @default '10s' */
  lease?: Duration
  clock?: Clock
  random?: Random
}

/** A log in PostgreSQL. */
export interface PostgresLog extends TopicLog {
  /** Stops listening. What was published is in the database; its members have left before. Safe to call twice. */
  end(): Promise<void>
}

export const POSTGRES_CAPABILITIES: LogCapabilities = {
  canReplay: true,
  keepsOrderPerKey: true,
  blocksKeys: true,
  publishesInTransaction: true,
  commitsInTransaction: true,
}

const CHANNEL = 'tenfold_topics'
const TICK_MS = 1_000
/** Half of it is waited for at the mean when much is published; each message costs its database a tenth of a millisecond. */
const NOTIFY_MS = 5
/** In a transaction of its own, which is not worth a wait for the disk or the standby. */
const NOTIFY = `select set_config('synchronous_commit', 'off', true), pg_notify('${CHANNEL}', $1)`

/**
 * The log in a database that `installLayout` has prepared.
 *
 * @example
 * const log = createPostgresLog(database)
 * await log.publish('orders', [{ messageId: uniqueId(), key: 'user-7', payload: '{"cents":5}' }])
 */
export function createPostgresLog(database: LogDatabase, options: PostgresLogOptions = {}): PostgresLog {
  const { clock = systemClock, random = seededRandom(freshSeed()) } = options
  const leaseMs = parseDuration(options.lease ?? '10s')
  if (leaseMs < 1_000) {
    throw new TenfoldError('TF_OPTION_INVALID', `expected lease to be 1s at least, got ${options.lease}`)
  }
  const catalog = createTopicCatalog(database)
  const origin = uniqueId()
  let tickMs = Number.NEGATIVE_INFINITY
  let ticking: Promise<void> | undefined
  const notifier = createNotifier({
    clock,
    origin,
    intervalMs: NOTIFY_MS,
    async send(payload) {
      // A backlog that nobody reads yet needs its stepping stones, too. No message waits for one.
      if (clock.nowMs() - tickMs >= TICK_MS) {
        tickMs = clock.nowMs()
        ticking = tick(database).catch((error: unknown) => reportTrouble('remembering a snapshot', error))
      }
      await database.query(NOTIFY, [payload])
    },
  })
  const wakeUps = createWakeUps(database, origin)
  const queue = createPublishQueue<PlacedEvent>({
    insert: (events) => insertEvents(database, events),
    batchMax: PUBLISH_MAX,
  })
  return {
    capabilities: POSTGRES_CAPABILITIES,
    isIn: (other) => other === database,
    async publish(name, events, { transaction, isStrict = false } = {}) {
      const topic = await catalog.find(name, transaction)
      const placed = placeEvents(topic, events, random)
      if (placed.length === 0) return
      const wake = (): void => {
        const partitions = new Set(placed.map(({ partition }) => partition))
        for (const partition of partitions) wakeUps.wake(topic.id, partition)
        notifier.wake(topic.id, partitions)
      }
      if (transaction !== undefined) {
        await insertEvents(transaction, placed, isStrict)
        transaction.afterCommit(wake)
        return
      }
      // It may have to wait for a key, and nobody shall with it.
      await (isStrict ? insertEvents(database, placed, isStrict) : queue.publish(placed))
      wake()
    },
    async join({ topic: name, group, from, run }) {
      const topic = await catalog.find(name)
      const consumer = await ensureGroup(database, topic, { group, from })
      return createMembership({ database, clock, topic, consumer, leaseMs, run })
    },
    async moveGroup(name, group, to) {
      const topic = await catalog.find(name)
      const consumer = await ensureGroup(database, topic, { group })
      await moveProgress(database, { consumer, topic }, typeof to === 'object' ? to.epochMs : to)
    },
    async deadLetters(name, group) {
      return createDeadLetters(database, await registerGroup(database, await catalog.find(name), group))
    },
    onWake(name, callback) {
      let topicId: number | undefined
      // A topic that is not there will be complained about where it is joined.
      catalog.find(name).then(
        ({ id }) => void (topicId = id),
        () => undefined,
      )
      return wakeUps.add((topic, partition) => {
        if (topic === undefined || topic === topicId) callback(partition)
      })
    },
    async end() {
      await queue.drained()
      await Promise.all([notifier.end(), wakeUps.end()])
      await ticking
    },
  }
}

type WakeUp = (topic: number | undefined, partition: number | undefined) => void

/** Those in this process who want to be woken. */
interface WakeUps {
  add(callback: WakeUp): () => void
  wake: WakeUp
  end(): Promise<void>
}

/** One connection for everybody in the process, while anybody wants to be woken by others. */
function createWakeUps(database: LogDatabase, origin: string): WakeUps {
  const callbacks = new Set<WakeUp>()
  let listener: { end(): Promise<void> } | undefined
  const wake: WakeUp = (topic, partition) => {
    for (const each of callbacks) each(topic, partition)
  }
  return {
    add(callback) {
      callbacks.add(callback)
      listener ??= database.listen(CHANNEL, (payload) => readWakeUp(payload, wake, origin))
      return () => void callbacks.delete(callback)
    },
    wake,
    async end() {
      await listener?.end()
    },
  }
}
