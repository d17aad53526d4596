import type { Clock } from '../core/clock.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import { createKafkaLog } from '../topics/logs/kafka/kafka-log.ts'
import { createMovingLog } from '../topics/logs/moving-log.ts'
import type { PostgresLog } from '../topics/logs/postgres/postgres-log.ts'
import { createPostgresLog } from '../topics/logs/postgres/postgres-log.ts'
import type { RabbitLog } from '../topics/logs/rabbitmq/rabbit-log.ts'
import { createRabbitLog } from '../topics/logs/rabbitmq/rabbit-log.ts'
import type { TopicLog } from '../topics/topic-log.ts'
import type { BindingsDocument, TopicBinding } from './bindings-document.ts'
import type { BoundDatabases } from './bound-databases.ts'

/** A topic that is on an engine elsewhere. */
export type OutsideTopic = TopicBinding & { readonly engine: NonNullable<TopicBinding['engine']> }

/** The logs of a process, each opened once, when it is first needed. */
export interface TopicLogs {
  /** The log in a database: that of its topics, or the outbox of others. */
  inDatabase(database: DatabaseConnection): PostgresLog
  /** The log of an engine elsewhere. */
  onEngine(topic: OutsideTopic): TopicLog
  /** What members of a topic read, wherever it is, also while it moves. */
  toRead(topic: TopicBinding): TopicLog
  /** Takes over who reads the topics. Where they are holds from the start of a process to its end. */
  rebind(document: Pick<BindingsDocument, 'publishes' | 'consumes'>): void
  end(): Promise<void>
}

interface Ending {
  end(): Promise<void>
}

export function createTopicLogs(
  { publishes, consumes }: Pick<BindingsDocument, 'publishes' | 'consumes'>,
  databases: BoundDatabases,
  clock: Clock,
): TopicLogs {
  const inDatabases = new Map<DatabaseConnection, PostgresLog>()
  const onEngines = new Map<string, TopicLog & Ending>()
  /** By topic. */
  const onRabbit = new Map<string, RabbitLog>()
  const groups = new Map<string, readonly string[]>()

  /** Those on one server share its connection. */
  function openRabbit(url: string): TopicLog & Ending {
    const there = Object.entries({ ...publishes, ...consumes }).flatMap(([name, { engine }]) =>
      engine?.kind === 'rabbitmq' && engine.url === url
        ? [[name, { ...engine, groups: groups.get(name) ?? engine.groups }] as const]
        : [],
    )
    const log = createRabbitLog(url, { topics: Object.fromEntries(there), clock })
    for (const [name] of there) onRabbit.set(name, log)
    return log
  }

  const logs: TopicLogs = {
    inDatabase(database) {
      const known = inDatabases.get(database)
      if (known !== undefined) return known
      const log = createPostgresLog(database, { clock })
      inDatabases.set(database, log)
      return log
    },
    onEngine({ engine: { kind, url }, database }) {
      // What Kafka can't hold is in the database beside it.
      const place = kind === 'kafka' ? JSON.stringify([url, database]) : url
      const known = onEngines.get(place)
      if (known !== undefined) return known
      const log =
        kind === 'kafka' ? createKafkaLog({ url, database: databases.connection(database), clock }) : openRabbit(url)
      onEngines.set(place, log)
      return log
    },
    toRead(topic) {
      const database = databases.connection(topic.database)
      if (!isOutside(topic)) return logs.inDatabase(database)
      const to = logs.onEngine(topic)
      // Nothing moves to RabbitMQ, and it can do less than a log that may be in PostgreSQL.
      if (topic.engine.kind === 'rabbitmq') return to
      return createMovingLog({ from: logs.inDatabase(database), database, to, clock })
    },
    rebind(changed) {
      for (const [name, { engine }] of Object.entries({ ...changed.publishes, ...changed.consumes })) {
        if (engine === undefined) continue
        groups.set(name, engine.groups)
        onRabbit.get(name)?.setGroups(name, engine.groups)
      }
    },
    async end() {
      await Promise.all([...onEngines.values(), ...inDatabases.values()].map((log) => log.end()))
    },
  }
  return logs
}

/** Whether its events are elsewhere than in its database. */
export function isOutside(topic: TopicBinding): topic is OutsideTopic {
  return topic.engine !== undefined
}
