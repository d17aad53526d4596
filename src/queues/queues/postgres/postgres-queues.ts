import type { Cancel, Clock } from '../../../core/clock.ts'
import { systemClock } from '../../../core/clock.ts'
import type { Duration } from '../../../core/duration.ts'
import { parseDuration } from '../../../core/duration.ts'
import { TenfoldError } from '../../../core/errors.ts'
import { uniqueId } from '../../../core/random.ts'
import type { LogDatabase } from '../../../topics/logs/postgres/postgres-log.ts'
import { createPublishQueue } from '../../../topics/logs/postgres/publish-queue.ts'
import { createNotifier, readWakeUp } from '../../../topics/logs/postgres/wake-ups.ts'
import type { Cancellation, QueueCapabilities, QueueEngine } from '../../queue-engine.ts'
import { createDeadItems } from './dead-item-table.ts'
import { ENQUEUE_MAX, insertItems, insertOnce, itemRows } from './insert-items.ts'
import type { ItemRow } from './insert-items.ts'
import { SCHEMA } from './schema.ts'
import { createPostgresWorker } from './postgres-worker.ts'
import { createQueueCatalog } from './queue-catalog.ts'

/** @see createPostgresQueues */
export interface PostgresQueuesOptions {
  /** How long a worker that stands still keeps its items. At least `'1s'`. @default '10s' */
  lease?: Duration
  clock?: Clock
}

/** Queues in PostgreSQL. */
export interface PostgresQueues extends QueueEngine {
  /** Stops listening. What was put in is in the database; its workers have left before. Safe to call twice. */
  end(): Promise<void>
}

export const POSTGRES_QUEUE_CAPABILITIES: QueueCapabilities = {
  enqueuesInTransaction: true,
  completesInTransaction: true,
  deduplicates: true,
  cancels: true,
  limitsConcurrency: true,
  limitsKeys: true,
  reportsProgress: true,
}

const CHANNEL = 'tenfold_queues'
/** In a transaction of its own, which is not worth a wait for the disk or the standby. */
const NOTIFY = `select set_config('synchronous_commit', 'off', true), pg_notify('${CHANNEL}', $1)`

/**
 * The queues of a database that `installQueues` has prepared.
 *
 * @example
 * const queues = createPostgresQueues(database)
 * await queues.enqueue('emails', [{ itemId: uniqueId(), priority: 'normal', payload: '{"to":"a@example.com"}' }])
 */
export function createPostgresQueues(database: LogDatabase, options: PostgresQueuesOptions = {}): PostgresQueues {
  const { clock = systemClock } = options
  const leaseMs = parseDuration(options.lease ?? '10s')
  if (leaseMs < 1_000) {
    throw new TenfoldError('TF_OPTION_INVALID', `expected lease to be 1s at least, got ${options.lease}`)
  }
  const catalog = createQueueCatalog(database)
  const origin = uniqueId()
  const notifier = createNotifier({
    clock,
    origin,
    send: async (payload) => void (await database.query(NOTIFY, [payload])),
  })
  const puts = createPublishQueue<ItemRow>({ insert: (rows) => insertItems(database, rows), batchMax: ENQUEUE_MAX })
  const wakeUps = createWakeUps({ database, clock, origin })
  return {
    capabilities: POSTGRES_QUEUE_CAPABILITIES,
    isIn: (other) => other === database,
    async enqueue(name, items, { transaction } = {}) {
      const queue = await catalog.find(name, transaction)
      // Those that begin later are found by whoever looks last before.
      const wake = (): void => {
        wakeUps.call(queue)
        notifier.wake(queue, [0])
      }
      const isOnce = items.some(({ deduplicate }) => deduplicate !== undefined)
      if (isOnce) {
        const enqueued = await (transaction === undefined
          ? database.transaction((tx) => insertOnce(tx, queue, items))
          : insertOnce(transaction, queue, items))
        if (transaction === undefined) wake()
        else transaction.afterCommit(wake)
        return enqueued
      }
      const rows = itemRows(queue, items)
      if (transaction === undefined) {
        await puts.publish(rows)
        wake()
      } else {
        await insertItems(transaction, rows)
        transaction.afterCommit(wake)
      }
      return rows.map(({ event: { itemId }, isWritten }) => ({ itemId, isDuplicate: !isWritten }))
    },
    async join(name) {
      const queue = await catalog.find(name)
      return createPostgresWorker({ database, clock, queue, leaseMs, onReady: (ms) => wakeUps.callAfter(queue, ms) })
    },
    async cancel(name, itemId) {
      const { rows } = await database.query<{ outcome: Cancellation }>(
        `select ${SCHEMA}.cancel($1, $2) as outcome /* update */`,
        [await catalog.find(name), itemId],
      )
      return rows[0]?.outcome ?? 'gone'
    },
    async deadItems(name) {
      const queue = await catalog.find(name)
      return createDeadItems(database, queue, () => {
        wakeUps.call(queue)
        notifier.wake(queue, [0])
      })
    },
    onWake(name, callback) {
      let id: number | undefined
      // A queue that is not there will be complained about where it is joined.
      catalog.find(name).then(
        (found) => void (id = found),
        () => undefined,
      )
      return wakeUps.add((queue) => {
        if (queue === undefined || queue === id) callback()
      })
    },
    async end() {
      await puts.drained()
      await Promise.all([notifier.end(), wakeUps.end()])
    },
  }
}

interface WakeUps {
  add(callback: (queue: number | undefined) => void): () => void
  /** Calls those of this process. */
  call(queue: number | undefined): void
  /** The same, when items may begin. */
  callAfter(queue: number, delayMs: number): void
  end(): Promise<void>
}

/** Later than this nobody is called: who works looks more often by himself. */
const CALL_MS_MAX = 5_000

/** One connection for everybody in the process, while anybody wants to be woken. */
function createWakeUps({ database, clock, origin }: { database: LogDatabase; clock: Clock; origin: string }): WakeUps {
  const callbacks = new Set<(queue: number | undefined) => void>()
  const calls = new Map<number, { readonly atMs: number; readonly cancel: Cancel }>()
  let listener: { end(): Promise<void> } | undefined
  const callAll = (queue: number | undefined): void => {
    for (const callback of callbacks) callback(queue)
  }
  return {
    call: callAll,
    add(callback) {
      callbacks.add(callback)
      listener ??= database.listen(CHANNEL, (payload) => readWakeUp(payload, callAll, origin))
      return () => void callbacks.delete(callback)
    },
    callAfter(queue, delayMs) {
      if (delayMs > CALL_MS_MAX) return
      const atMs = clock.nowMs() + delayMs
      const planned = calls.get(queue)
      if (planned !== undefined && planned.atMs <= atMs) return
      planned?.cancel()
      const call = (): void => {
        calls.delete(queue)
        callAll(queue)
      }
      calls.set(queue, { atMs, cancel: clock.schedule(delayMs, call, { unref: true }) })
    },
    async end() {
      for (const { cancel } of calls.values()) cancel()
      calls.clear()
      await listener?.end()
    },
  }
}
