import { groupUnknown } from '../../group-unknown.ts'
import { RELAY_GROUP } from '../../relay-group.ts'
import type { TopicDatabase } from '../../topic-database.ts'
import type { StoredEvent } from '../../topic-log.ts'
import type { PeekOptions, TopicOperations } from '../../topic-operations.ts'
import { dropGroup } from './drop-group.ts'
import { SCHEMA } from './layout.ts'
import { positionAt } from './ticks.ts'
import type { CatalogTopic } from './topic-catalog.ts'
import { createTopicCatalog } from './topic-catalog.ts'

/** Operations on a database that `installLayout` has prepared, as whoever may read the tables of topics. */
export function createPostgresOperations(database: TopicDatabase): TopicOperations {
  const catalog = createTopicCatalog(database)

  async function groupsOf(topic: CatalogTopic): Promise<readonly { id: number; name: string }[]> {
    const { rows } = await database.query<{ id: number; name: string }>(
      `select id, name from ${SCHEMA}.consumer_group where topic = $1 order by name`,
      [topic.id],
    )
    return rows
  }

  async function peekAll(name: string, { max, which, partition }: PeekOptions): Promise<readonly EventRow[]> {
    const topic = await catalog.find(name)
    const common = [topic.id, topic.partitions, partition ?? null, max]
    if (which === 'newest') return (await database.query<EventRow>(NEWEST, common)).rows
    if ('sinceEpochMs' in which) {
      const { base } = await positionAt(database, which.sinceEpochMs)
      return (await database.query<EventRow>(SINCE, [...common, base.snapshot, base.slice])).rows
    }
    const groups = await groupsOf(topic)
    const group = groups.find((each) => each.name === which.group)
    if (group === undefined) {
      throw groupUnknown(
        name,
        which.group,
        groups.map((each) => each.name),
      )
    }
    return (await database.query<EventRow>(UNREAD, [...common, group.id])).rows
  }

  return {
    async groups(topic) {
      const groups = await groupsOf(await catalog.find(topic))
      return groups.map(({ name }) => name).filter((name) => name !== RELAY_GROUP)
    },
    dropGroup: (topic, group) => dropGroup(database, topic, group),
    peek: async (topic, options) => (await peekAll(topic, options)).map(eventOf),
  }
}

interface EventRow {
  readonly partition: number
  readonly message_id: string
  readonly id: string
  readonly key: string | null
  readonly headers: string | null
  readonly payload: string
  readonly at_ms: number
}

function eventOf(row: EventRow): StoredEvent {
  return {
    messageId: row.message_id,
    partition: row.partition,
    id: row.id,
    key: row.key ?? undefined,
    headers: row.headers === null ? {} : (JSON.parse(row.headers) as Record<string, string>),
    payload: row.payload,
    publishedEpochMs: row.at_ms,
  }
}

/**
 * The first or last events of each partition, and of these the first or last of all: along the index, whatever the topic
 * has. `$1` topic, `$2` its partitions, `$3` one of them or null, `$4` events at most.
 */
function peek(from: { readonly position?: string; readonly where: string; readonly order: 'asc' | 'desc' }): string {
  const { position = '', where, order } = from
  return `
    select event.*, extract(epoch from event.at)::float8 * 1000 as at_ms
    from generate_series(0, $2::int - 1) as place (partition) ${position}
    cross join lateral (
      select partition, message_id, id, key, headers, payload, at, xid from ${SCHEMA}.log
      where topic = $1 and log.partition = place.partition and ${where}
      order by xid ${order}, id ${order} limit $4
    ) event
    where $3::int is null or place.partition = $3::int
    order by event.at ${order}, event.id ${order} limit $4`
}

/** What is not visible at a snapshot; `xmin` says where in the index that begins. */
function after(snapshot: string): string {
  return `xid >= pg_snapshot_xmin(${snapshot}) and not pg_visible_in_snapshot(xid, ${snapshot})`
}

const NEWEST = peek({ where: 'true', order: 'desc' })

/** `$5` a snapshot, `$6` its first slice. */
const SINCE = peek({ where: `slice >= $6 and ${after('$5::pg_snapshot')}`, order: 'asc' })

/** `$5` the group. */
const UNREAD = peek({
  position: `cross join lateral (
    select * from ${SCHEMA}.progress
    where progress.consumer = $5 and progress.partition = place.partition order by seq desc limit 1
  ) last`,
  where: `slice >= last.slice and ${after('last.base')}
    and (last.target is null or id > last.after_id or not pg_visible_in_snapshot(xid, last.target))`,
  order: 'asc',
})
