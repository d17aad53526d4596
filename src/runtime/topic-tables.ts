import type { ResolvedBlueprint, ResolvedService, ResolvedTopic } from '../blueprint/resolved-blueprint.ts'
import type { ServiceAccess } from '../clusters/service-roles.ts'

/** What a database needs for topics. */
export interface TopicTables {
  /** Topics whose events it holds, or that are published from here through its outbox. */
  readonly topics: readonly ResolvedTopic[]
  /** How long it keeps events: as long as the topic that keeps them longest. */
  readonly retentionMs: number
}

/**
 * What a database needs for topics, so that every service can do there what it lists: the log of topics, an outbox for
 * topics that are elsewhere, an inbox for effects. Undefined where no service needs anything. Pure.
 */
export function topicTablesOf(
  { topics, services }: Pick<ResolvedBlueprint, 'topics' | 'services'>,
  database: string,
): TopicTables | undefined {
  const inUse = Object.values(services).some((service) => topicAccessOf(service, topics, database).length > 0)
  const isPublishedFrom = (topic: ResolvedTopic): boolean =>
    Object.values(services).some(({ publishes, databases }) => {
      return publishes.includes(topic.name) && databases.includes(database)
    })
  const here = Object.values(topics).filter((topic) => isHeldBy(topic, database) || isPublishedFrom(topic))
  if (here.length === 0 && !inUse) return undefined
  return { topics: here, retentionMs: Math.max(0, ...here.map(({ retentionMs }) => retentionMs)) }
}

/**
 * What a service does with topics in a database. It publishes where the log is, and writes to the outbox of each database
 * that it lists, which it also relays from; it consumes where the log is, and has effects in each database that it lists.
 */
export function topicAccessOf(
  { publishes, consumes, databases }: Pick<ResolvedService, 'publishes' | 'consumes' | 'databases'>,
  topics: ResolvedBlueprint['topics'],
  database: string,
): readonly ServiceAccess[] {
  const isListed = databases.includes(database)
  const isHere = (name: string): boolean => topics[name] !== undefined && isHeldBy(topics[name], database)
  const relays = isListed && publishes.some((name) => !isHere(name))
  const isPublisher = relays || publishes.some(isHere)
  const isConsumer = relays || (isListed ? consumes.length > 0 : consumes.some(isHere))
  return [...(isPublisher ? (['publish'] as const) : []), ...(isConsumer ? (['consume'] as const) : [])]
}

function isHeldBy({ engine }: ResolvedTopic, database: string): boolean {
  return engine.database === database
}
