import { isDeepStrictEqual } from 'node:util'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { Component } from '../core/component.ts'
import { outboxQueue } from '../queues/queue-outbox.ts'
import { createQueueLagReader } from '../queues/queues/postgres/read-queue-lag.ts'
import { connectDatabase } from '../sql/database.ts'
import type { LagsOfQueues } from '../telemetry/queue-frame.ts'
import { createQueueMetrics } from '../telemetry/queue-metrics.ts'
import { keptDatabases } from './messaging-housekeeping.ts'
import type { PartsContext } from './parts-context.ts'
import { queueStatuses } from './queue-statuses.ts'

/** The snapshot is for people, and each change goes to everybody who watches. */
const SHOW_MS = 3_000

/** Reads the lags of a system's queues: into frames every second, and into the snapshot where they change. */
export function createQueueLags(
  context: PartsContext,
  options: { readonly append: (frame: MetricFrame) => void; readonly ownerUrl: (database: string) => string },
): Component {
  const { append, ownerUrl } = options
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

  return createQueueMetrics({
    queues: () => {
      const kept = keptDatabases(context, ownerUrl).filter(({ tables }) => tables.queues.length > 0)
      for (const name of latest.keys()) if (!kept.some((database) => database.name === name)) latest.delete(name)
      const homes = new Map(Object.keys(context.blueprint.queues).map((name) => [outboxQueue(name), name]))
      return kept.map(({ name, url }) => ({
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
    },
    append,
    onLags(lags) {
      latest.set(lags.database, lags)
      show()
    },
    clock,
  })
}
