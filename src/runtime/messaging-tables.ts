import type {
  ResolvedBlueprint,
  ResolvedQueue,
  ResolvedService,
  ResolvedTopic,
} from '../blueprint/resolved-blueprint.ts'
import type { ServiceAccess } from '../clusters/service-roles.ts'
import { outboxQueue } from '../queues/queue-outbox.ts'

/** What a database needs for topics and queues. */
export interface MessagingTables {
  /** Topics whose events it holds, or that are published from here through its outbox. */
  readonly topics: readonly ResolvedTopic[]
  /** How long it keeps events: as long as the topic that keeps them longest. */
  readonly retentionMs: number
  /** How long at most what a group has not read; undefined: for ever, as what waits in an outbox. */
  readonly keepUnreadMs: number | undefined
  /** Queues whose items it holds, and the outboxes of others. */
  readonly queues: readonly Pick<ResolvedQueue, 'name' | 'limits'>[]
}

type Messaging = Pick<ResolvedBlueprint, 'topics' | 'queues'>

/**
 * What a database needs so that every service can do there what it lists: the logs of topics and the tables of queues, an
 * outbox for what is elsewhere, an inbox for effects. Undefined where no service needs anything. Pure.
 */
export function messagingTablesOf(
  { topics, queues, services }: Messaging & Pick<ResolvedBlueprint, 'services'>,
  database: string,
): MessagingTables | undefined {
  const all = Object.values(services)
  const inUse = all.some((service) => messagingAccessOf(service, { topics, queues }, database).length > 0)
  const isFrom = (list: 'publishes' | 'enqueues', name: string): boolean =>
    all.some((service) => service[list].includes(name) && service.databases.includes(database))
  const logs = Object.values(topics).filter(
    (topic) => topic.engine.database === database || isFrom('publishes', topic.name),
  )
  const isHere = ({ engine }: ResolvedQueue): boolean => engine.kind === 'postgres' && engine.database === database
  const held = Object.values(queues).filter(isHere)
  const outboxes = Object.values(queues)
    .filter((queue) => !isHere(queue) && isFrom('enqueues', queue.name))
    .map(({ name }) => ({ name: outboxQueue(name), limits: { concurrency: undefined, concurrencyPerKey: undefined } }))
  if (logs.length + held.length === 0 && !inUse) return undefined
  const retentionMs = Math.max(0, ...logs.map((topic) => topic.retentionMs))
  return { topics: logs, retentionMs, keepUnreadMs: keepUnreadMsOf(logs, database), queues: [...held, ...outboxes] }
}

/** Topics in a database share its slices. What only waits there for its own log is never dropped. */
function keepUnreadMsOf(topics: readonly ResolvedTopic[], database: string): number | undefined {
  const most = topics.map(({ engine, keepUnreadMs = Infinity }) =>
    engine.kind === 'postgres' && engine.database === database ? keepUnreadMs : Infinity,
  )
  const longest = Math.max(...most)
  return Number.isFinite(longest) ? longest : undefined
}

/**
 * What a service does with topics and queues in a database. It publishes and enqueues where they are, and writes to the
 * outbox of each database that it lists, which it also relays from, as it does from the database beside an engine
 * elsewhere; it consumes and works where they are, and has effects in each database that it lists.
 */
export function messagingAccessOf(
  service: Pick<ResolvedService, 'publishes' | 'consumes' | 'enqueues' | 'works' | 'databases'>,
  { topics, queues }: Messaging,
  database: string,
): readonly ServiceAccess[] {
  const { publishes, consumes, enqueues, works, databases } = service
  const isListed = databases.includes(database)
  const isTopicHere = (name: string): boolean => topics[name]?.engine.database === database
  const isQueueHere = (name: string): boolean => {
    const engine = queues[name]?.engine
    return engine?.kind === 'postgres' && engine.database === database
  }
  const isOutside = (name: string): boolean => topics[name]?.engine.kind !== 'postgres'
  const relaysTopics = publishes.some((name) => (isTopicHere(name) ? isOutside(name) : isListed))
  const relaysItems = isListed && enqueues.some((name) => !isQueueHere(name))
  const isConsumer = isListed ? consumes.length > 0 : consumes.some(isTopicHere)
  const isWorker = isListed ? works.length > 0 : works.some(isQueueHere)
  return [
    ...(relaysTopics || publishes.some(isTopicHere) ? (['publish'] as const) : []),
    ...(relaysTopics || isConsumer ? (['consume'] as const) : []),
    ...(relaysItems || enqueues.some(isQueueHere) ? (['enqueue'] as const) : []),
    ...(relaysItems || isWorker ? (['work'] as const) : []),
  ]
}
