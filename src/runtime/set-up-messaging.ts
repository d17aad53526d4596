import type { ResolvedDatabase } from '../blueprint/resolved-blueprint.ts'
import { ACCESS_ROLES } from '../clusters/service-roles.ts'
import { TenfoldError } from '../core/errors.ts'
import { connectDatabase } from '../sql/database.ts'
import { grantQueues } from '../queues/queues/postgres/grants.ts'
import { ensureQueue, installQueues } from '../queues/queues/postgres/layout.ts'
import { isServerError } from '../sql/sql-failure.ts'
import { grantTopics } from '../topics/logs/postgres/grants.ts'
import { ensureTopic, installLayout } from '../topics/logs/postgres/layout.ts'
import type { MessagingTables } from './messaging-tables.ts'
import type { OutsideSetUp } from './set-up-outside-topic.ts'
import { setUpTopicPlace } from './set-up-outside-topic.ts'

/**
 * Makes in a database what its topics and queues need, as its owner; repeating it changes nothing.
 *
 * @throws TF_TOPIC_CHANGED, TF_TOPICS_LAYOUT, TF_QUEUES_LAYOUT, TF_TOPICS_REFUSED, and what `setUpTopicPlace` throws
 */
export async function setUpMessaging(
  { name, engine }: Pick<ResolvedDatabase, 'name' | 'engine'>,
  url: string,
  { topics, queues }: MessagingTables,
  outside: OutsideSetUp,
): Promise<void> {
  const database = connectDatabase(
    { url, connectionsMax: 1 },
    // The server is ready; one that is gone again must not hold up a Ctrl-C.
    { applicationName: 'tenfold messaging', acquireTimeout: '1s' },
  )
  try {
    await installLayout(database)
    for (const topic of topics) await ensureTopic(database, topic)
    const { publish: publishers, consume: consumers, enqueue: enqueuers, work: workers, rows: others } = ACCESS_ROLES
    await grantTopics(database, { publishers, consumers, inboxes: [enqueuers, workers], others })
    for (const topic of topics) if (topic.engine.database === name) await setUpTopicPlace(database, topic, outside)
    if (queues.length === 0) return
    await installQueues(database)
    for (const queue of queues) await ensureQueue(database, queue)
    await grantQueues(database, { enqueuers, workers, others })
  } catch (error) {
    if (engine.kind === 'server' && isServerError(error) && error.code === '42501') throw notAllowed(name, error)
    throw error
  } finally {
    await database.end()
  }
}

function notAllowed(database: string, cause: Error): TenfoldError {
  const message = `expected to be allowed to make schemas in database ${database}, got: ${cause.message}`
  return new TenfoldError('TF_TOPICS_REFUSED', message, {
    hint: `grant its user "create" on the database, or let no service with topics or queues use ${database}`,
    details: { database },
    cause,
  })
}
