import type { Clock } from '../../../core/clock.ts'
import type { LagReading, PartitionReading } from '../../lag.ts'
import type { StatementRunner } from '../../topic-database.ts'
import { SCHEMA } from './layout.ts'

/** Events are counted up to here, for each partition of each group. */
const COUNT_MAX = 10_000

/** Reads how far every group is: one statement, whose cost grows with what is unread, up to a limit. */
export async function readLag(runner: StatementRunner, clock: Clock): Promise<LagReading> {
  const atMs = clock.nowMs()
  const { rows } = await runner.query<LagRow>(LAG, [COUNT_MAX])
  return {
    atMs,
    partitions: rows.map((row): PartitionReading => ({
      topic: row.topic,
      group: row.group_name,
      partition: row.partition,
      unread: Math.min(row.unread, COUNT_MAX),
      isMore: row.unread > COUNT_MAX,
      oldestAgeMs: row.oldest_age_ms === null ? undefined : Math.max(0, row.oldest_age_ms),
      done: BigInt(row.done),
      owner: row.owner ?? undefined,
      deadLetters: row.dead_letters,
    })),
  }
}

interface LagRow {
  readonly topic: string
  readonly group_name: string
  readonly partition: number
  readonly unread: number
  readonly oldest_age_ms: number | null
  readonly done: string
  readonly owner: string | null
  readonly dead_letters: number
}

const UNREAD = `
  select at from ${SCHEMA}.log
  where log.topic = topic.id and log.partition = last.partition and slice >= last.slice
    and (last.target is null or id > last.after_id or not pg_visible_in_snapshot(xid, last.target))`

const LAG = `
  select topic.name as topic, consumer.name as group_name, last.partition, last.done, unread.unread,
    extract(epoch from clock_timestamp() - unread.oldest)::float8 * 1000 as oldest_age_ms,
    case when last.lease_until >= clock_timestamp() then last.owner end as owner,
    (select count(*)::int from ${SCHEMA}.dead_letter letter
     where letter.consumer = consumer.id and letter.partition = last.partition) as dead_letters
  from ${SCHEMA}.consumer_group consumer
  join ${SCHEMA}.topic on topic.id = consumer.topic
  cross join lateral generate_series(0, topic.partitions - 1) as place (partition)
  cross join lateral (
    select * from ${SCHEMA}.progress
    where progress.consumer = consumer.id and progress.partition = place.partition order by seq desc limit 1
  ) last
  cross join lateral (
    select count(*)::int as unread, min(at) as oldest from (
      (${UNREAD} and xid >= pg_snapshot_xmax(last.base) limit $1::int + 1)
      union all
      (${UNREAD} and xid = any (array(select pg_snapshot_xip(last.base))) limit $1::int + 1)
    ) event
  ) unread
  order by topic.name, consumer.name, last.partition`
