import type { Rights } from '../../../sql/own-schema.ts'
import { grantSchema } from '../../../sql/own-schema.ts'
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
  await grantSchema(database, SCHEMA, {
    others,
    rights: [
      [enqueuers, ENQUEUING],
      [workers, WORKING],
    ],
  })
}

/** Also what cancelling needs; a row is locked by who may update it. */
const ENQUEUING: Rights = {
  queue: 'select',
  waiting: 'select, insert, update, delete',
  parked: 'select, update, delete',
  running: 'select, update',
  once: 'select, insert, update',
  'sequence item_number': 'usage',
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
  'sequence item_number': 'usage',
  'sequence claim_number': 'usage',
}
