import { didYouMean } from '../../../core/did-you-mean.ts'
import { TenfoldError } from '../../../core/errors.ts'
import type { StatementRunner, TopicDatabase } from '../../../topics/topic-database.ts'
import { SCHEMA } from './schema.ts'

/** Ids of queues by their name, each asked for once. */
export interface QueueCatalog {
  /**
   * @param runner what asks, if that is needed: a transaction that is open, so that it waits for no second connection
   * @throws TF_QUEUE_UNKNOWN
   */
  find(name: string, runner?: StatementRunner): Promise<number>
}

/** Whether a queue has any item that is not dead. */
export async function hasItems(runner: StatementRunner, queue: string): Promise<boolean> {
  const { rows } = await runner.query<{ some: boolean }>(
    `select exists (select from ${SCHEMA}.waiting where queue = id) or exists (select from ${SCHEMA}.parked where queue = id)
       or exists (select from ${SCHEMA}.running where queue = id) as some
     from ${SCHEMA}.queue where name = $1`,
    [queue],
  )
  return rows[0]?.some === true
}

/** Reads `tenfold_queues.queue` when a queue is first needed. */
export function createQueueCatalog(database: TopicDatabase): QueueCatalog {
  const known = new Map<string, number>()
  return {
    async find(name, runner = database) {
      const found = known.get(name)
      if (found !== undefined) return found
      const { rows } = await runner.query<{ id: number; name: string }>(`select id, name from ${SCHEMA}.queue`)
      for (const queue of rows) known.set(queue.name, queue.id)
      const id = known.get(name)
      if (id !== undefined) return id
      const suggestion = didYouMean(
        name,
        rows.map((row) => row.name),
      )
      throw new TenfoldError(
        'TF_QUEUE_UNKNOWN',
        `expected ${name} to be a queue of this database${suggestion === undefined ? '' : `: did you mean ${suggestion}?`}`,
        { hint: 'add the queue to the blueprint, and start the system with it', details: { queue: name } },
      )
    },
  }
}
