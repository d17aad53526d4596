import type { Clock } from '../../../core/clock.ts'
import { systemClock } from '../../../core/clock.ts'
import type { LagReader, LagReading, PartitionReading, TopicReading } from '../../lag.ts'
import type { TopicDatabase } from '../../topic-database.ts'
import type { LagCounts, LagRow } from './lag-counts.ts'
import { addReading, NOTHING_COUNTED, placeName, planCounts } from './lag-counts.ts'
import { SCHEMA } from './layout.ts'
import { inProgress, nextTransaction } from './position.ts'
import { firstSlice } from './read-functions.ts'
import { endOf } from './topic-end.ts'

/** Counted for each group and partition, at most. */
export const DEAD_LETTERS_MAX = 1_000

/**
 * Reads lags from a database that `installLayout` has prepared, as its owner or whoever may read the tables of topics. A
 * reading is one short statement, or two when there is something to count first.
 *
 * @example
 * const lag = createPostgresLagReader(database)
 * lagBetween(undefined, await lag.read()) // every group, with its partitions
 */
export function createPostgresLagReader(database: TopicDatabase, clock: Clock = systemClock): LagReader {
  let counts: LagCounts = NOTHING_COUNTED
  let seen: { readonly snapshot: string; readonly slice: number } | undefined
  let reading = 0

  async function look(): Promise<readonly LagRow[]> {
    const plan = planCounts(counts, ++reading)
    const places = [...counts.places].map(([name, { epoch, oldest }]) => [
      name,
      { epoch, xid: oldest?.xid, id: oldest?.id, count: plan.places.has(name) },
    ])
    const values = [
      seen?.snapshot ?? null,
      seen?.slice ?? 0,
      seen === undefined ? [] : inProgress(seen.snapshot),
      JSON.stringify(Object.fromEntries(places)),
      plan.limit,
    ]
    const { rows } = await database.transaction(async (tx) => {
      // Estimates are far off where tables are empty or new, and compiling would take longer than the statement.
      await tx.query('set local jit = off')
      return tx.query<LagRow & { snapshot: string; slice: number }>(LAG, values)
    })
    const [row] = rows
    if (row === undefined) return []
    if (seen !== undefined && isEarlier(row.snapshot, seen.snapshot)) {
      // Another history: a backup was restored, or a primary has taken over without the last commits.
      seen = undefined
      counts = NOTHING_COUNTED
      return look()
    }
    seen = { snapshot: row.snapshot, slice: row.slice }
    counts = addReading(counts, rows, { limit: plan.limit, reading })
    return rows
  }

  return {
    async read() {
      const atMs = clock.nowMs()
      let rows = await look()
      const isCounted = [...counts.places.values()].every(({ unread }) => unread !== undefined)
      if (!isCounted) rows = await look()
      return readingOf(atMs, rows, counts)
    },
  }
}

function isEarlier(snapshot: string, than: string): boolean {
  return BigInt(nextTransaction(snapshot)) < BigInt(nextTransaction(than))
}

function readingOf(atMs: number, rows: readonly LagRow[], { places, published }: LagCounts): LagReading {
  const byTopic = Map.groupBy(rows, ({ topic }) => topic)
  return {
    atMs,
    topics: [...byTopic].map(([topic, ofTopic]): TopicReading => ({
      topic,
      partitions: new Set(ofTopic.map(({ partition }) => partition)).size,
      published: published.get(topic) ?? 0n,
    })),
    partitions: rows.flatMap((row): PartitionReading[] => {
      const { topic, partition, consumer, group_name: group, oldest_age_ms: ageMs } = row
      if (consumer === null || group === null) return []
      const { unread, isMore = true } = places.get(placeName({ consumer, partition })) ?? {}
      return [
        {
          topic,
          group,
          partition,
          unread: unread ?? 0,
          isMore: unread === undefined || isMore,
          oldestAgeMs: ageMs === null ? undefined : Math.max(0, ageMs),
          done: BigInt(row.done),
          owner: row.owner ?? undefined,
          deadLetters: row.dead_letters,
        },
      ]
    }),
  }
}

/** What a group has not finished, from the first transaction that may have some of it. */
function unread(columns: string, from: string): string {
  return `select ${columns} from ${SCHEMA}.log
    where log.topic = place.topic and log.partition = place.partition and slice >= last.slice and ${from}
    and (last.target is null or id > last.after_id or not pg_visible_in_snapshot(xid, last.target))
    and (place.end_base is null or pg_visible_in_snapshot(xid, place.end_base))`
}

const LATER = 'xid >= pg_snapshot_xmax(last.base)'
const UNDER_WAY = 'xid = any (array(select pg_snapshot_xip(last.base)))'
/** From the event that was the oldest before, if it is later than that. */
const FROM_OLDEST = `(xid, id) >= (before.xid, before.id)`

/**
 * `$1` the snapshot of the last reading, `$2` its first slice, `$3` what was under way then; `$4` what is known of places:
 * epoch, the oldest unread event, and whether to count; `$5` counted at most. What is in CTEs would be looked up for each
 * group, and what is known is no relation to join, since tables without statistics make plans for millions of places.
 */
const LAG = `
  with present as materialized (
    select snapshot::text as snapshot, ${firstSlice('now.snapshot')} as slice
    from (select pg_current_snapshot() as snapshot) now
  ),
  part as materialized (
    select topic.id as topic, topic.name, topic.end_base as topic_end, partition::smallint as partition,
      (select count(*)::int from ${SCHEMA}.log
       where log.topic = topic.id and log.partition = part.partition and slice >= $2::int and xid >= pg_snapshot_xmax($1::pg_snapshot))
      + (select count(*)::int from ${SCHEMA}.log
         where log.topic = topic.id and log.partition = part.partition and slice >= $2::int and xid = any ($3::xid8[])) as published
    from ${SCHEMA}.topic cross join lateral generate_series(0, topic.partitions - 1) as part (partition)
  ),
  place as materialized (
    select part.*, consumer.id as consumer, consumer.name as group_name, ${endOf('consumer', 'part.topic_end')} as end_base,
      $4::jsonb -> (consumer.id || '/' || part.partition) as known
    from part left join ${SCHEMA}.consumer_group consumer on consumer.topic = part.topic
  )
  select present.snapshot, present.slice, place.name as topic, place.partition, place.published,
    case when place.end_base is null then place.published else 0 end as arrived,
    case when last.epoch is not null then place.consumer end as consumer, place.group_name, last.epoch, last.done, case when last.lease_until >= clock_timestamp() then last.owner end as owner,
    (select count(*)::int from (
       select from ${SCHEMA}.dead_letter letter
       where letter.consumer = place.consumer and letter.partition = place.partition limit ${DEAD_LETTERS_MAX}
     ) letters) as dead_letters,
    case when last.is_known and (place.known -> 'count')::boolean then (
      select count(*)::int from (
        (${unread('', LATER)} limit $5::int + 1) union all (${unread('', UNDER_WAY)} limit $5::int + 1)
      ) counted
    ) end as counted,
    extract(epoch from clock_timestamp() - oldest.at)::float8 * 1000 as oldest_age_ms,
    oldest.xid as oldest_xid, oldest.id as oldest_id
  from present cross join place
  left join lateral (
    select progress.*, (place.known -> 'epoch')::int = epoch as is_known
    from ${SCHEMA}.progress
    where progress.consumer = place.consumer and progress.partition = place.partition order by seq desc limit 1
  ) last on true
  left join lateral (
    select greatest(known.xid, pg_snapshot_xmax(last.base)) as xid,
      case when known.xid >= pg_snapshot_xmax(last.base) then known.id else 0 end as id
    from (select case when last.is_known then (place.known ->> 'xid')::xid8 end as xid,
                 (place.known ->> 'id')::bigint as id) known
    offset 0
  ) before on true
  left join lateral (
    select min(at) as at, (array_agg(xid) filter (where is_later))[1] as xid, (array_agg(id) filter (where is_later))[1] as id
    from (
      (${unread('at, xid, id, true as is_later', FROM_OLDEST)} order by xid, id limit 1)
      union all
      (${unread('at, xid, id, false', UNDER_WAY)} order by xid, id limit 1)
    ) first
  ) oldest on true
  order by place.name, place.partition, place.group_name`
