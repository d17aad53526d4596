import type { ResolvedDatabase } from '../blueprint/resolved-blueprint.ts'
import { ACCESS_ROLES } from '../clusters/service-roles.ts'
import { TenfoldError } from '../core/errors.ts'
import { connectDatabase } from '../sql/database.ts'
import { isServerError } from '../sql/sql-failure.ts'
import { grantTopics } from '../topics/logs/postgres/grants.ts'
import { ensureTopic, installLayout } from '../topics/logs/postgres/layout.ts'
import type { TopicTables } from './topic-tables.ts'

/**
 * Makes in a database what its topics need, as its owner; repeating it changes nothing.
 *
 * @throws TF_TOPIC_CHANGED, TF_TOPICS_LAYOUT, TF_TOPICS_REFUSED
 */
export async function setUpTopics(
  { name, engine }: Pick<ResolvedDatabase, 'name' | 'engine'>,
  url: string,
  { topics }: TopicTables,
): Promise<void> {
  const database = connectDatabase(
    { url, connectionsMax: 1 },
    // The server is ready; one that is gone again must not hold up a Ctrl-C.
    { applicationName: 'tenfold topics', acquireTimeout: '1s' },
  )
  try {
    await installLayout(database)
    for (const topic of topics) await ensureTopic(database, topic)
    await grantTopics(database, {
      publishers: ACCESS_ROLES.publish,
      consumers: ACCESS_ROLES.consume,
      others: ACCESS_ROLES.rows,
    })
  } catch (error) {
    if (engine.kind === 'server' && isServerError(error) && error.code === '42501') throw notAllowed(name, error)
    throw error
  } finally {
    await database.end()
  }
}

function notAllowed(database: string, cause: Error): TenfoldError {
  const message = `expected to be allowed to make the schema tenfold_topics in database ${database}, got: ${cause.message}`
  return new TenfoldError('TF_TOPICS_REFUSED', message, {
    hint: `grant its user "create" on the database, or let no service that publishes or consumes use ${database}`,
    details: { database },
    cause,
  })
}
