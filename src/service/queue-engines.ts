import type { Clock } from '../core/clock.ts'
import type { QueueEngine } from '../queues/queue-engine.ts'
import { createPostgresQueues } from '../queues/queues/postgres/postgres-queues.ts'
import { createRabbitQueues } from '../queues/queues/rabbitmq/rabbit-queues.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import type { BindingsDocument, QueueBinding } from './bindings-document.ts'
import type { BoundDatabases } from './bound-databases.ts'

/** The queue engines of a process, each opened once, when it is first needed. */
export interface QueueEngines {
  /** The queues in a database, and the outboxes of others there. */
  inDatabase(database: DatabaseConnection): QueueEngine
  /** The engine of a queue. */
  of(queue: QueueBinding): QueueEngine
  end(): Promise<void>
}

interface Ending {
  end(): Promise<void>
}

export function createQueueEngines(
  { enqueues, works }: Pick<BindingsDocument, 'enqueues' | 'works'>,
  databases: BoundDatabases,
  clock: Clock,
): QueueEngines {
  const inDatabases = new Map<DatabaseConnection, QueueEngine & Ending>()
  const elsewhere = new Map<string, QueueEngine & Ending>()

  /** Those on one server share its connection. */
  function openRabbit(url: string): QueueEngine & Ending {
    const all = Object.entries({ ...enqueues, ...works })
    const queues = all.filter(([, { engine }]) => engine?.url === url).map(([name]) => name)
    return createRabbitQueues(url, { queues, clock })
  }

  const engines: QueueEngines = {
    inDatabase(database) {
      const engine = inDatabases.get(database) ?? createPostgresQueues(database, { clock })
      inDatabases.set(database, engine)
      return engine
    },
    of({ engine, database }) {
      if (engine === undefined) return engines.inDatabase(databases.connection(database ?? ''))
      const there = elsewhere.get(engine.url) ?? openRabbit(engine.url)
      elsewhere.set(engine.url, there)
      return there
    },
    async end() {
      await Promise.all([...elsewhere.values(), ...inDatabases.values()].map((engine) => engine.end()))
    },
  }
  return engines
}
