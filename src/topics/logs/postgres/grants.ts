import { quoteIdentifier } from '../../../sql/quote-identifier.ts'
import type { TopicDatabase } from '../../topic-database.ts'
import { SCHEMA } from './layout.ts'

/** Roles of a database, by what they may do with its topics. */
export interface TopicRoles {
  readonly publishers: string
  readonly consumers: string
  /** Have effects of something else, which the inbox notes. @default nobody */
  readonly inboxes?: readonly string[]
  /** Gets what the owner of the database makes, by default; of topics it has to have nothing. */
  readonly others: string
}

/**
 * Lets publishers and consumers do what they have to with the tables of topics, and nobody else. Call it after
 * `installLayout`, as the owner of the database; roles that are not there are left out, since on somebody else's server
 * everybody is the owner. Repeating it changes nothing.
 */
export async function grantTopics(
  database: TopicDatabase,
  { publishers, consumers, inboxes = [], others }: TopicRoles,
): Promise<void> {
  const { rows } = await database.query<{ name: string }>(
    'select rolname as name from pg_roles where rolname = any ($1)',
    [[publishers, consumers, ...inboxes, others]],
  )
  const present = new Set(rows.map(({ name }) => name))
  const statements = [
    ...(present.has(others) ? refusals(others) : []),
    ...(present.has(publishers) ? grants(PUBLISHING, publishers) : []),
    ...(present.has(consumers) ? grants(CONSUMING, consumers) : []),
    ...inboxes.filter((role) => present.has(role)).flatMap((role) => grants({ inbox: 'select, insert' }, role)),
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

/** Also what a relay does in the log: what has arrived is noted in the inbox. */
const PUBLISHING: Rights = {
  topic: 'select',
  slice: 'select',
  log: 'insert',
  tick: 'select, insert',
  inbox: 'select, insert',
}

const CONSUMING: Rights = {
  topic: 'select',
  slice: 'select',
  log: 'select',
  tick: 'select, insert',
  inbox: 'select, insert',
  consumer_group: 'select, insert',
  incarnation: 'select, insert',
  progress: 'select, insert',
  member: 'select, insert, update, delete',
  dead_letter: 'select, insert, update, delete',
}

function grants(rights: Rights, role: string): readonly string[] {
  const to = quoteIdentifier(role)
  return [
    `grant usage on schema ${SCHEMA} to ${to}`,
    `grant usage on sequence ${SCHEMA}.event_id to ${to}`,
    ...Object.entries(rights).map(([table, privileges]) => `grant ${privileges} on ${SCHEMA}.${table} to ${to}`),
  ]
}
