import type { Clock } from '../core/clock.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import type { KafkaLog } from '../topics/logs/kafka/kafka-log.ts'
import { createKafkaLog } from '../topics/logs/kafka/kafka-log.ts'
import { createMovingLog } from '../topics/logs/moving-log.ts'
import type { PostgresLog } from '../topics/logs/postgres/postgres-log.ts'
import { createPostgresLog } from '../topics/logs/postgres/postgres-log.ts'
import type { TopicLog } from '../topics/topic-log.ts'
import type { OutsideEngineBinding, TopicBinding } from './bindings-document.ts'
import type { BoundDatabases } from './bound-databases.ts'

/** The logs of a process, each opened once, when it is first needed. */
export interface TopicLogs {
  /** The log in a database: that of its topics, or the outbox of others. */
  inDatabase(database: DatabaseConnection): PostgresLog
  /** The log of an engine elsewhere, which keeps in the database what it can't hold. */
  onEngine(engine: OutsideEngineBinding, database: DatabaseConnection): TopicLog
  /** What members of a topic read, wherever it is, also while it moves. */
  toRead(binding: TopicBinding): TopicLog
  end(): Promise<void>
}

export function createTopicLogs(databases: BoundDatabases, clock: Clock): TopicLogs {
  const inDatabases = new Map<DatabaseConnection, PostgresLog>()
  const onEngines = new Map<string, Map<DatabaseConnection, KafkaLog>>()

  const logs: TopicLogs = {
    inDatabase(database) {
      const known = inDatabases.get(database)
      if (known !== undefined) return known
      const log = createPostgresLog(database, { clock })
      inDatabases.set(database, log)
      return log
    },
    onEngine({ url }, database) {
      const there = onEngines.get(url) ?? new Map<DatabaseConnection, KafkaLog>()
      onEngines.set(url, there)
      const log = there.get(database) ?? createKafkaLog({ url, database, clock })
      there.set(database, log)
      return log
    },
    toRead({ engine, database: name }) {
      const database = databases.connection(name)
      const from = logs.inDatabase(database)
      return engine === undefined ? from : createMovingLog({ from, database, to: logs.onEngine(engine, database), clock })
    },
    async end() {
      const outside = [...onEngines.values()].flatMap((there) => [...there.values()])
      await Promise.all([...outside, ...inDatabases.values()].map((log) => log.end()))
    },
  }
  return logs
}
