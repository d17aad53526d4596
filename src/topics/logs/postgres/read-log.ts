import type { StatementRunner } from '../../topic-database.ts'
import type { StoredEvent } from '../../topic-log.ts'
import { SCHEMA } from './layout.ts'
import type { LogEdge, LogPosition } from './position.ts'
import { inProgress, nextTransaction } from './position.ts'

/*
 * How the log is read. Transactions commit in another order than they take numbers, so there is no number up to which a
 * reader could be. What there is: a snapshot says of each transaction whether it had ended. An event is new if its
 * transaction had not ended at the snapshot of the last reading (`base`) and has at the present one (`target`): that is
 * every committed event exactly once, whatever else is under way, and however long. `xid < xmin` would wait for every
 * transaction of the cluster, `id > last` lose what commits late.
 *
 * - New events have an xid from base's xmax on, or are of the few that were in progress at base: both are short ranges of
 *   the index, however long a foreign transaction has been running. `xid` is that of the whole transaction, also inside
 *   savepoints. What was rolled back is no row that anybody sees.
 * - Inside a window events are in the order of their ids. Two transactions that both hold the lock of a key for their
 *   publishing take ids in the order of their commits, though not always xids: one may have taken its number before it
 *   waited for the lock.
 * - A window with more events than a batch stays open, its target fixed, and `after` says how far it is read.
 * - A reader far behind takes the snapshot of a tick for target, so that it need not sort everything that it has before it.
 */

/** What to read. */
export interface ReadRequest {
  readonly topic: number
  readonly partition: number
  readonly position: LogPosition
  /** Events at most. */
  readonly max: number
  /** Windows of more events, roughly, are made smaller where ticks allow it. @default 10000 */
  readonly windowMax?: number
}

/** Events in order, and where the reader is when it is done with all of them. */
export interface ReadBatch {
  readonly events: readonly StoredEvent[]
  /** Where it is when it is done with the first `count` of them. */
  positionAfter(count: number): LogPosition
  /** Whether there may be more at once: false only if the present was read to its end. */
  readonly isMore: boolean
}

const WINDOW_MAX_DEFAULT = 10_000

/** Reads the events behind a position: one statement, without locks, and not in a transaction with an old snapshot. */
export async function readLog(reader: StatementRunner, request: ReadRequest): Promise<ReadBatch> {
  const { position, max } = request
  const { base, window } = position
  const common = [request.topic, request.partition, base.snapshot, base.slice, inProgress(base.snapshot), max]
  const { rows } =
    window === undefined
      ? await reader.query<EventRow>(OPEN, [
          ...common,
          String(base.mark),
          request.windowMax ?? WINDOW_MAX_DEFAULT,
          nextTransaction(base.snapshot),
        ])
      : await reader.query<EventRow>(CONTINUE, [...common, String(window.after), window.target.snapshot])
  const target = window?.target ?? edgeOf(rows[0])
  const events = rows.filter((row) => row.id !== null).map((row) => eventOf(row, request.partition))
  // A batch that is not full has read the window to its end.
  const isAtEnd = events.length < max
  // Whoever keeps the batch for its positions does not keep the events.
  const ids = events.map(({ id }) => id)
  return {
    events,
    isMore: !isAtEnd || window !== undefined || rows[0]?.is_present === false,
    positionAfter(count) {
      if (count === ids.length && isAtEnd) return { base: target }
      const after = count === 0 ? (window?.after ?? 0n) : BigInt(ids[count - 1] as string)
      return { base, window: { target, after } }
    },
  }
}

interface EventRow {
  readonly snapshot: string
  readonly mark: string
  readonly slice: number
  readonly is_present: boolean
  readonly id: string | null
  readonly message_id: string
  readonly key: string | null
  readonly headers: string | null
  readonly payload: string
  readonly at_ms: number
}

function edgeOf(row: EventRow | undefined): LogEdge {
  if (row === undefined) throw new Error('the statement gives a row even where there are no events')
  return { snapshot: row.snapshot, mark: BigInt(row.mark), slice: row.slice }
}

function eventOf(row: EventRow, partition: number): StoredEvent {
  return {
    messageId: row.message_id,
    partition,
    id: row.id as string,
    key: row.key ?? undefined,
    payload: row.payload,
    headers: row.headers === null ? {} : (JSON.parse(row.headers) as Record<string, string>),
    publishedEpochMs: row.at_ms,
  }
}

/** Two ranges of the index, both in `$1` topic, `$2` partition, from slice `$4`. */
function fresh(target: string, after: string): string {
  const columns = 'id, message_id, key, headers, payload, extract(epoch from at)::float8 * 1000 as at_ms'
  const where = `topic = $1 and partition = $2 and slice >= $4 and id > ${after} and pg_visible_in_snapshot(xid, ${target})`
  return `
    select * from (
      select ${columns} from ${SCHEMA}.log
      where ${where} and xid >= pg_snapshot_xmax($3::pg_snapshot) and xid < pg_snapshot_xmax(${target})
      union all
      select ${columns} from ${SCHEMA}.log where ${where} and xid = any ($5::xid8[])
    ) either order by id limit $6`
}

/** The first slice that may have something that is not visible at a snapshot. A later xmax is a later snapshot. */
export function firstSlice(snapshot: string): string {
  return `(select coalesce(min(number), 0) from ${SCHEMA}.slice
           where sealed is null or pg_snapshot_xmax(sealed) >= pg_snapshot_xmax(${snapshot}))`
}

/** The present, as the columns of an edge but for its slice. */
export const PRESENT: string = `pg_current_snapshot() as snapshot,
  coalesce(pg_sequence_last_value('${SCHEMA}.event_id'::regclass), 0) as mark`

const CONTINUE = fresh('$8::pg_snapshot', '$7::bigint')

/** `$7` mark of base, `$8` size of a window, `$9` xmax of base. Ticks of the same xmax may be earlier than base. */
const OPEN = `
  with present as materialized (select ${PRESENT}),
  edge as materialized (
    select snapshot, mark, rank in (1, 4) as is_present from (
      select snapshot, mark, 1 as rank from present where mark - $7::bigint <= $8::bigint
      union all
      (select snapshot, mark, 2 from ${SCHEMA}.tick
       where mark > $7::bigint and mark <= $7::bigint + $8::bigint and until > $9::xid8 order by mark desc limit 1)
      union all
      (select snapshot, mark, 3 from ${SCHEMA}.tick
       where mark > $7::bigint + $8::bigint and until > $9::xid8 order by mark limit 1)
      union all
      select snapshot, mark, 4 from present
    ) candidate order by rank limit 1
  )
  select edge.snapshot::text as snapshot, edge.mark, ${firstSlice('edge.snapshot')} as slice, edge.is_present, event.*
  from edge left join (${fresh('(select snapshot from edge)', '0')}) event on true
  order by event.id`
