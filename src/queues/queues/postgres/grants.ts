import { quoteIdentifier } from '../../../sql/quote-identifier.ts'
import type { TopicDatabase } from '../../../topics/topic-database.ts'
import { SCHEMA } from './schema.ts'

/** Roles of a database, by what they may do with its queues. */
export interface QueueRoles {
  readonly enqueuers: string
  readonly workers: string
  /** Gets what the owner of the database makes, by default; of queues it has to have nothing. */
  readonly others: string
}

/**
 * Lets enqueuers and workers do what they have to with the tables of queues, and nobody else. Call it after
 * `installQueues`, as the owner of the database; roles that are not there are left out, since on somebody else's server
 * everybody is the owner. Repeating it changes nothing. The inbox, which workers on queues of another database and relays
 * need, is one of the tables of topics: see `grantTopics`.
 */
export async function grantQueues(database: TopicDatabase, { enqueuers, workers, others }: QueueRoles): Promise<void> {
  const { rows } = await database.query<{ name: string }>(
    'select rolname as name from pg_roles where rolname = any ($1)',
    [[enqueuers, workers, others]],
  )
  const present = new Set(rows.map(({ name }) => name))
  const statements = [
    ...(present.has(others) ? refusals(others) : []),
    ...(present.has(enqueuers) ? grants(ENQUEUING, enqueuers) : []),
    ...(present.has(workers) ? grants(WORKING, workers) : []),
  ]
  if (statements.length === 0) return
  await database.transaction(async (tx) => {
    // Two that grant at once would be told that a row of the catalog has changed.
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('${SCHEMA}', 0))`)
    for (const statement of statements) await tx.query(statement)
  })
}

function refusals(role: string): readonly string[] {
  return ['schema', 'all tables in schema', 'all sequences in schema'].map(
    (what) => `revoke all on ${what} ${SCHEMA} from ${quoteIdentifier(role)}`,
  )
}

type Rights = Readonly<Record<string, string>>

/** Also what cancelling needs; a row is locked by who may update it. */
const ENQUEUING: Rights = {
  queue: 'select',
  waiting: 'select, insert, update, delete',
  parked: 'select, update, delete',
  running: 'select, update',
  once: 'select, insert, update',
}

/** Dead items are redriven by the operator, as the owner. */
const WORKING: Rights = {
  queue: 'select, update (finished)',
  worker: 'select, insert, update, delete',
  waiting: 'select, insert, update, delete',
  parked: 'select, insert, update, delete',
  running: 'select, insert, update, delete',
  dead: 'select, insert, update',
  incarnation: 'select, insert',
}

function grants(rights: Rights, role: string): readonly string[] {
  const to = quoteIdentifier(role)
  return [
    `grant usage on schema ${SCHEMA} to ${to}`,
    `grant usage on all sequences in schema ${SCHEMA} to ${to}`,
    ...Object.entries(rights).map(([table, privileges]) => `grant ${privileges} on ${SCHEMA}.${table} to ${to}`),
  ]
}
