import type { Rights } from '../../../sql/own-schema.ts'
import { grantSchema } from '../../../sql/own-schema.ts'
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
  await grantSchema(database, SCHEMA, {
    others,
    rights: [[publishers, PUBLISHING], [consumers, CONSUMING], ...inboxes.map((role) => [role, INBOX] as const)],
  })
}

/** Also what a relay does in the log: what has arrived is noted in the inbox. */
const PUBLISHING: Rights = {
  topic: 'select',
  slice: 'select',
  log: 'insert',
  tick: 'select, insert',
  inbox: 'select, insert',
  'sequence event_id': 'usage',
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
  'sequence event_id': 'usage',
}

const INBOX: Rights = { inbox: 'select, insert' }
