import { isDeepStrictEqual } from 'node:util'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { Component } from '../core/component.ts'
import { consumersOf } from '../blueprint/consumers-of.ts'
import { connectDatabase } from '../sql/database.ts'
import type { LagsOfLog } from '../telemetry/topic-frame.ts'
import type { OpenReader } from '../telemetry/read-every-second.ts'
import type { WatchedLog } from '../telemetry/topic-metrics.ts'
import { createTopicMetrics } from '../telemetry/topic-metrics.ts'
import type { LagReading } from '../topics/lag.ts'
import { createPostgresLagReader } from '../topics/logs/postgres/read-lag.ts'
import { RELAY_GROUP } from '../topics/relay-group.ts'
import type { EngineUrls } from './engine-urls.ts'
import type { OutsideLagsOptions } from './outside-lags.ts'
import { openOutsideLags } from './outside-lags.ts'
import type { PartsContext } from './parts-context.ts'
import type { KeptDatabase } from './messaging-housekeeping.ts'
import { keptDatabases } from './messaging-housekeeping.ts'
import { topicStatuses } from './topic-statuses.ts'

/** Reads the lags of a system's topics: into frames every second, and into the snapshot where they change. */
export interface TopicLags extends Component {
  /** The last reading of every log, by the database or the server that it is in. */
  latest(): ReadonlyMap<string, LagsOfLog>
}

/** The snapshot is for people, and each change goes to everybody who watches. */
const SHOW_MS = 3_000

export function createTopicLags(
  context: PartsContext,
  {
    append,
    ownerUrl,
    engineUrls,
  }: {
    readonly append: (frame: MetricFrame) => void
    readonly ownerUrl: (database: string) => string
    readonly engineUrls: EngineUrls
  },
): TopicLags {
  const { clock } = context
  const latest = new Map<string, LagsOfLog>()
  /** Topics that are in their engine elsewhere now, by the name of its log. */
  const elsewhere = new Map<string, ReadonlySet<string>>()
  let shownMs = Number.NEGATIVE_INFINITY

  function show(): void {
    if (clock.nowMs() - shownMs < SHOW_MS) return
    shownMs = clock.nowMs()
    const topics = topicStatuses(context.blueprint.topics, latest)
    if (isDeepStrictEqual(topics, context.snapshots.current().topics)) return
    context.change((snapshot) => ({ ...snapshot, topics }))
  }

  /** Also the database beside an engine elsewhere is an outbox of it, once the topic is there. */
  function isOutbox(name: string, topic: string, group: string | undefined): boolean {
    const engine = context.blueprint.topics[topic]?.engine
    if (engine === undefined) return false
    if (engine.database !== name) return true
    if (engine.kind === 'postgres') return false
    return group === undefined ? [...elsewhere.values()].some((topics) => topics.has(topic)) : group === RELAY_GROUP
  }

  /** One for each server, and each database beside it. */
  function outsideLogs({ name: database, url: databaseUrl }: KeptDatabase): readonly WatchedLog[] {
    const topics = Object.values(context.blueprint.topics).flatMap(({ name, engine, partitions }) =>
      engine.kind !== 'postgres' && engine.database === database ? [{ name, engine, partitions }] : [],
    )
    return [...Map.groupBy(topics, ({ engine }) => engine.urlVariable)].flatMap(([variable, its]) => {
      const log = `${variable}/${database}`
      const url = engineUrls.known(its[0]!.engine)
      // Its topics are being set up.
      if (url === undefined) return []
      const { kind } = its[0]!.engine
      const { services } = context.blueprint
      const readTopics: OutsideLagsOptions['topics'] = Object.fromEntries(
        its.map(({ name, partitions }) => [name, { partitions, groups: consumersOf(services, name) }] as const),
      )
      const onElsewhere = (there: ReadonlySet<string>): void => void elsewhere.set(log, there)
      return [
        {
          name: log,
          address: JSON.stringify([url, databaseUrl, readTopics]),
          isOutbox: () => false,
          open: () => openOutsideLags({ kind, url, databaseUrl, topics: readTopics, onElsewhere }),
        },
      ]
    })
  }

  const metrics = createTopicMetrics({
    logs: () => {
      const kept = keptDatabases(context, ownerUrl).filter(({ tables }) => tables.topics.length > 0)
      const logs = kept.flatMap((database): readonly WatchedLog[] => {
        const { name, url } = database
        const own = { name, address: url, open: () => openReader(url) }
        return [{ ...own, isOutbox: (topic, group) => isOutbox(name, topic, group) }, ...outsideLogs(database)]
      })
      for (const name of latest.keys()) {
        if (logs.some((log) => log.name === name)) continue
        latest.delete(name)
        elsewhere.delete(name)
      }
      return logs
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
