import { isDeepStrictEqual } from 'node:util'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { Component } from '../core/component.ts'
import { outboxQueue } from '../queues/queue-outbox.ts'
import { createQueueLagReader } from '../queues/queues/postgres/read-queue-lag.ts'
import { createRabbitQueueLagReader } from '../queues/queues/rabbitmq/read-queue-lag.ts'
import { connectDatabase } from '../sql/database.ts'
import type { LagsOfQueues } from '../telemetry/queue-frame.ts'
import type { WatchedQueues } from '../telemetry/queue-metrics.ts'
import { createQueueMetrics } from '../telemetry/queue-metrics.ts'
import type { EngineUrls } from './engine-urls.ts'
import { keptDatabases } from './messaging-housekeeping.ts'
import type { PartsContext } from './parts-context.ts'
import { queueStatuses } from './queue-statuses.ts'

/** The snapshot is for people, and each change goes to everybody who watches. */
const SHOW_MS = 3_000

/** Reads the lags of a system's queues: into frames every second, and into the snapshot where they change. */
export function createQueueLags(
  context: PartsContext,
  options: {
    readonly append: (frame: MetricFrame) => void
    readonly ownerUrl: (database: string) => string
    readonly engineUrls: EngineUrls
  },
): Component {
  const { append, ownerUrl, engineUrls } = options
  const { clock } = context
  const latest = new Map<string, LagsOfQueues>()
  let shownMs = Number.NEGATIVE_INFINITY

  function show(): void {
    if (clock.nowMs() - shownMs < SHOW_MS) return
    shownMs = clock.nowMs()
    const queues = queueStatuses(context.blueprint.queues, latest)
    if (isDeepStrictEqual(queues, context.snapshots.current().queues)) return
    context.change((snapshot) => ({ ...snapshot, queues }))
  }

  /** One for each server. */
  function outsideQueues(): readonly WatchedQueues[] {
    const outside = Object.values(context.blueprint.queues).flatMap(({ name, engine }) =>
      engine.kind === 'postgres' ? [] : [{ name, engine }],
    )
    return [...Map.groupBy(outside, ({ engine }) => engine.urlVariable)].flatMap(([variable, its]) => {
      const url = engineUrls.known(its[0]!.engine)
      if (url === undefined) return []
      const queues = its.map(({ name }) => name)
      return [
        {
          name: variable,
          address: JSON.stringify([url, queues]),
          outboxOf: () => undefined,
          open() {
            const reader = createRabbitQueueLagReader(url, { queues })
            return { read: () => reader.read(), close: () => reader.end() }
          },
        },
      ]
    })
  }

  return createQueueMetrics({
    queues: () => {
      const kept = keptDatabases(context, ownerUrl).filter(({ tables }) => tables.queues.length > 0)
      const outside = outsideQueues()
      const names = new Set([...kept, ...outside].map(({ name }) => name))
      for (const name of latest.keys()) if (!names.has(name)) latest.delete(name)
      const homes = new Map(Object.keys(context.blueprint.queues).map((name) => [outboxQueue(name), name]))
      const inDatabases = kept.map(({ name, url }): WatchedQueues => ({
        name,
        address: url,
        outboxOf: (queue) => homes.get(queue),
        open() {
          const database = connectDatabase(
            { url, connectionsMax: 1 },
            { applicationName: 'tenfold lag', acquireTimeout: '2s', connectTimeout: '2s', statementTimeout: '5s' },
          )
          return { ...createQueueLagReader(database, clock), close: () => database.end() }
        },
      }))
      return [...inDatabases, ...outside]
    },
    append,
    onLags(lags) {
      latest.set(lags.database, lags)
      show()
    },
    clock,
  })
}
