import { isDeepStrictEqual } from 'node:util'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { Component } from '../core/component.ts'
import { connectDatabase } from '../sql/database.ts'
import type { LagsOfLog } from '../telemetry/topic-frame.ts'
import type { OpenReader } from '../telemetry/read-every-second.ts'
import { createTopicMetrics } from '../telemetry/topic-metrics.ts'
import type { LagReading } from '../topics/lag.ts'
import { createPostgresLagReader } from '../topics/logs/postgres/read-lag.ts'
import type { PartsContext } from './parts-context.ts'
import { keptDatabases } from './messaging-housekeeping.ts'
import { topicStatuses } from './topic-statuses.ts'

/** Reads the lags of a system's topics: into frames every second, and into the snapshot where they change. */
export interface TopicLags extends Component {
  /** The last reading of every log, by the database that it is in. */
  latest(): ReadonlyMap<string, LagsOfLog>
}

/** The snapshot is for people, and each change goes to everybody who watches. */
const SHOW_MS = 3_000

export function createTopicLags(
  context: PartsContext,
  {
    append,
    ownerUrl,
  }: { readonly append: (frame: MetricFrame) => void; readonly ownerUrl: (database: string) => string },
): TopicLags {
  const { clock } = context
  const latest = new Map<string, LagsOfLog>()
  let shownMs = Number.NEGATIVE_INFINITY

  function show(): void {
    if (clock.nowMs() - shownMs < SHOW_MS) return
    shownMs = clock.nowMs()
    const topics = topicStatuses(context.blueprint.topics, latest)
    if (isDeepStrictEqual(topics, context.snapshots.current().topics)) return
    context.change((snapshot) => ({ ...snapshot, topics }))
  }

  const metrics = createTopicMetrics({
    logs: () => {
      const kept = keptDatabases(context, ownerUrl).filter(({ tables }) => tables.topics.length > 0)
      for (const name of latest.keys()) if (!kept.some((database) => database.name === name)) latest.delete(name)
      return kept.map(({ name, url }) => ({
        name,
        address: url,
        isOutbox: (topic) => {
          const engine = context.blueprint.topics[topic]?.engine
          return engine !== undefined && engine.database !== name
        },
        open: () => openReader(url),
      }))
    },
    append,
    onLags(lags) {
      latest.set(lags.log, lags)
      show()
    },
    clock,
  })
  return { ...metrics, latest: () => latest }
}

/** On one connection, opened with the first look and again after it was lost. */
function openReader(url: string): OpenReader<LagReading> {
  const database = connectDatabase(
    { url, connectionsMax: 1 },
    { applicationName: 'tenfold lag', acquireTimeout: '2s', connectTimeout: '2s', statementTimeout: '5s' },
  )
  return { ...createPostgresLagReader(database), close: () => database.end() }
}
