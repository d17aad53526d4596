import { groupBusy } from '../../group-busy.ts'
import { groupUnknown } from '../../group-unknown.ts'
import type { TopicDatabase } from '../../topic-database.ts'
import { SCHEMA } from './schema-name.ts'
import { createTopicCatalog } from './topic-catalog.ts'

/** A member that has not been heard of for so long has gone. */
const GONE_AFTER = `interval '1 minute'`

/**
 * Forgets a group that nobody reads for any more: its progress, its dead letters, and its hold on the log. One that comes
 * back under the same name is a new one.
 *
 * @throws TF_TOPIC_UNKNOWN, TF_GROUP_UNKNOWN
 * @throws TF_GROUP_BUSY a member was heard of within the last minute; nothing was done
 */
export async function dropGroup(database: TopicDatabase, topicName: string, group: string): Promise<void> {
  const topic = await createTopicCatalog(database).find(topicName)
  await database.transaction(async (tx) => {
    const { rows } = await tx.query<{ id: number; name: string; is_busy: boolean }>(
      `select id, name, exists (
         select from ${SCHEMA}.member where consumer = consumer_group.id and seen_at > clock_timestamp() - ${GONE_AFTER}
       ) as is_busy
       from ${SCHEMA}.consumer_group where topic = $1`,
      [topic.id],
    )
    const found = rows.find(({ name }) => name === group)
    if (found === undefined) {
      throw groupUnknown(
        topicName,
        group,
        rows.map(({ name }) => name),
      )
    }
    if (found.is_busy) throw groupBusy(topicName, group)
    // The rest goes with it.
    await tx.query(`delete from ${SCHEMA}.consumer_group where id = $1`, [found.id])
  })
}
