import { didYouMean } from '../../../core/did-you-mean.ts'
import { TenfoldError } from '../../../core/errors.ts'
import type { StatementRunner, TopicDatabase } from '../../topic-database.ts'
import { SCHEMA } from './layout.ts'

/** A topic as the database knows it; neither ever changes. */
export interface CatalogTopic {
  readonly id: number
  readonly partitions: number
}

/** Topics by name, each asked for once. */
export interface TopicCatalog {
  /**
   * @param runner what asks, if that is needed: a transaction that is open, so that it waits for no second connection
   * @throws TF_TOPIC_UNKNOWN
   */
  find(name: string, runner?: StatementRunner): Promise<CatalogTopic>
}

/** Whether there is any event of a topic that has not been dropped, read or not. */
export async function hasEvents(runner: StatementRunner, topic: string): Promise<boolean> {
  const { rows } = await runner.query<{ some: boolean }>(
    `select exists (
       select from ${SCHEMA}.log join ${SCHEMA}.topic on topic.id = log.topic where topic.name = $1
     ) as some`,
    [topic],
  )
  return rows[0]?.some === true
}

/** Reads `tenfold_topics.topic` when a topic is first needed. */
export function createTopicCatalog(database: TopicDatabase): TopicCatalog {
  const known = new Map<string, CatalogTopic>()
  return {
    async find(name, runner = database) {
      const found = known.get(name)
      if (found !== undefined) return found
      const { rows } = await runner.query<CatalogTopic & { name: string }>(
        `select id, name, partitions from ${SCHEMA}.topic`,
      )
      for (const topic of rows) known.set(topic.name, topic)
      const topic = known.get(name)
      if (topic !== undefined) return topic
      const suggestion = didYouMean(
        name,
        rows.map((row) => row.name),
      )
      throw new TenfoldError(
        'TF_TOPIC_UNKNOWN',
        `expected ${name} to be a topic of this log${suggestion === undefined ? '' : `: did you mean ${suggestion}?`}`,
        {
          hint: 'add the topic to the blueprint, and start the system with it',
          details: { topic: name },
        },
      )
    },
  }
}
