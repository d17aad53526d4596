import type { Clock } from '../../../core/clock.ts'
import type { StatementRunner } from '../../../topics/topic-database.ts'
import type { QueueLagReader } from '../../queue-lag.ts'
import type { Floor } from './claim-items.ts'
import { SCHEMA } from './schema.ts'

/** Items are counted up to here, for each priority of each queue. */
const COUNT_MAX = 10_000
/** A floor rests on nothing for longer. */
const FLOOR_MS = 60_000

/** Remembers where items begin, so that it counts them and not what has left: keep it for the next reading. */
export function createQueueLagReader(runner: StatementRunner, clock: Clock): QueueLagReader {
  let floors = new Map<number, Floor>()
  let floorsMs = clock.nowMs()
  return {
    async read() {
      const atMs = clock.nowMs()
      if (atMs - floorsMs > FLOOR_MS) {
        floors = new Map()
        floorsMs = atMs
      }
      const known = [...floors]
      const { rows } = await runner.query<LagRow>(LAG, [
        COUNT_MAX,
        known.map(([queue]) => queue),
        known.map(([, { seen }]) => seen),
        // Arrays of arrays lose their inner ends: texts of arrays do not.
        known.map(([, { at }]) => `{${at.map((time) => `"${time}"`).join(',')}}`),
        known.map(([, { number }]) => `{${number.join(',')}}`),
        known.map(([, { incarnation }]) => incarnation),
      ])
      for (const { id, incarnation, seen, floor_at: at, floor_number: number } of rows) {
        floors.set(id, { incarnation, seen, at, number })
      }
      return {
        atMs,
        queues: rows.map((row) => ({
          queue: row.name,
          waiting: Math.min(row.waiting, COUNT_MAX),
          isMore: row.waiting > COUNT_MAX,
          oldestAgeMs: row.oldest_age_ms === null ? undefined : Math.max(0, row.oldest_age_ms),
          running: row.running,
          delayed: Math.min(row.delayed, COUNT_MAX),
          done: BigInt(row.done),
          workers: row.workers,
          deadLetters: row.dead,
        })),
      }
    },
  }
}

interface LagRow {
  readonly id: number
  readonly name: string
  readonly incarnation: string
  readonly seen: string
  readonly floor_at: string[]
  readonly floor_number: string[]
  readonly waiting: number
  readonly delayed: number
  readonly oldest_age_ms: number | null
  readonly running: number
  readonly workers: number
  readonly done: string
  readonly dead: number
}

function counted(condition: string): string {
  return `
    select run_at from ${SCHEMA}.waiting
    where waiting.queue = queue.id and waiting.priority = place.priority::smallint - 1::smallint and ${condition}
    order by run_at, number limit $1::int + 1`
}

/** Items that are parked are due, too. What workers have and have done is what they have said at their last beat. */
const LAG = `
  select queue.id, queue.name, floor.incarnation, floor.seen::text as seen, floor.floor_at::text[] as floor_at,
    floor.floor_number::text[] as floor_number, items.waiting + parked.count as waiting, items.delayed,
    extract(epoch from clock_timestamp() - least(items.oldest, parked.oldest))::float8 * 1000 as oldest_age_ms,
    coalesce(worker.claimed, 0)::int as running, coalesce(worker.count, 0)::int as workers,
    queue.finished + coalesce(worker.finished, 0) as done,
    (select count(*)::int from ${SCHEMA}.dead where dead.queue = queue.id) as dead
  from ${SCHEMA}.queue
  left join unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::uuid[])
    known (queue, seen, at, number, incarnation) on known.queue = queue.id
  cross join lateral ${SCHEMA}.look(
    queue.id, known.incarnation, known.seen::pg_snapshot, known.at::timestamptz[], known.number::bigint[]) floor
  cross join lateral (
    select count(*) filter (where is_due)::int as waiting, count(*) filter (where not is_due)::int as delayed,
      min(run_at) filter (where is_due) as oldest
    from unnest(floor.floor_at, floor.floor_number) with ordinality as place (at, number, priority)
    cross join lateral (
      (select true as is_due, due.run_at from (${counted(
        '(waiting.run_at, waiting.number) >= (place.at, place.number) and waiting.run_at <= clock_timestamp()',
      )}) due)
      union all
      (select false, later.run_at from (${counted('waiting.run_at > clock_timestamp()')}) later)
    ) item
  ) items
  cross join lateral (
    select count(*)::int as count, min(run_at) as oldest from (
      select run_at from ${SCHEMA}.parked where parked.queue = queue.id limit $1::int + 1
    ) some_of_them
  ) parked
  left join lateral (
    select count(*), sum(claimed) as claimed, sum(finished)::bigint as finished from ${SCHEMA}.worker
    where worker.queue = queue.id
  ) worker on true
  order by queue.name /* update */`
