import type { StatementRunner, TopicDatabase } from '../../topic-database.ts'
import { SCHEMA } from './schema-name.ts'
import type { CatalogTopic } from './topic-catalog.ts'

/**
 * The id of a group, which is made if it is new: without progress, so that it holds nothing back in a log here.
 *
 * @param onNew done before the group is there to others; if it fails there is none
 */
export async function registerGroup(
  database: TopicDatabase,
  topic: CatalogTopic,
  group: string,
  onNew: () => Promise<void> = async () => {},
): Promise<number> {
  return (
    (await findGroup(database, topic, group)) ??
    database.transaction(async (tx) => {
      const { rows } = await tx.query<{ id: number }>(
        `insert into ${SCHEMA}.consumer_group (topic, name) values ($1, $2) on conflict do nothing returning id`,
        [topic.id, group],
      )
      const consumer = rows[0]?.id
      // Another member was faster.
      if (consumer === undefined) return (await findGroup(tx, topic, group)) as number
      await onNew()
      return consumer
    })
  )
}

/** The id of a group; undefined: it has never read the topic. */
export async function findGroup(
  runner: StatementRunner,
  topic: CatalogTopic,
  group: string,
): Promise<number | undefined> {
  const { rows } = await runner.query<{ id: number }>(
    `select id from ${SCHEMA}.consumer_group where topic = $1 and name = $2`,
    [topic.id, group],
  )
  return rows[0]?.id
}

/** How often a group was moved in a log elsewhere. */
export async function groupMoves(runner: StatementRunner, consumer: number): Promise<number> {
  const { rows } = await runner.query<{ moves: number }>(`select moves from ${SCHEMA}.consumer_group where id = $1`, [
    consumer,
  ])
  return rows[0]?.moves ?? 0
}

/** Counts a move, which `work` carries out for the new number before anybody sees it. */
export async function countMoves(
  database: TopicDatabase,
  consumer: number,
  work: (moves: number) => Promise<void>,
): Promise<void> {
  await database.transaction(async (tx) => {
    const { rows } = await tx.query<{ moves: number }>(
      `update ${SCHEMA}.consumer_group set moves = moves + 1 where id = $1 returning moves`,
      [consumer],
    )
    await work(rows[0]?.moves ?? 0)
  })
}
