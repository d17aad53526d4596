import type { StatementRunner } from '../../topic-database.ts'
import type { StoredEvent } from '../../topic-log.ts'
import { SCHEMA } from './schema-name.ts'
import type { LogEdge, LogPosition } from './position.ts'
import { inProgress, isAtEdge } from './position.ts'
import { edgeBefore } from './ticks.ts'

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
  /** What the position was read in, unless it is from the database; see `incarnation.ts`. @default not looked at */
  readonly incarnation?: string | undefined
  /** What is not visible there is not read. @default the present */
  readonly end?: LogEdge | undefined
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

/**
 * Reads the events behind a position: one statement, without locks, and not in a transaction with an old snapshot.
 * Undefined if the server is in another incarnation.
 */
export async function readLog(reader: StatementRunner, request: ReadRequest): Promise<ReadBatch | undefined> {
  const { topic, partition, position, max, end, windowMax = WINDOW_MAX_DEFAULT } = request
  if (end !== undefined && isAtEdge(position, end)) return { events: [], isMore: false, positionAfter: () => position }
  const { base } = position
  const window = position.window ?? (end && { target: await edgeBefore(reader, { base, end, windowMax }), after: 0n })
  const xids = inProgress(base.snapshot)
  const { rows } =
    window === undefined
      ? await reader.query<EventRow>(READ_NEW, [
          topic,
          partition,
          base.snapshot,
          String(base.mark),
          base.slice,
          xids,
          max,
          windowMax,
          request.incarnation ?? null,
        ])
      : await reader.query<EventRow>(READ_WINDOW, [
          topic,
          partition,
          base.snapshot,
          base.slice,
          xids,
          max,
          window.target.snapshot,
          String(window.after),
        ])
  // A window's end is known; a crash within it is found out when progress is committed.
  const target = window?.target ?? edgeOf(rows[0])
  if (target === undefined) return undefined
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
  readonly target: string
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

function edgeOf(row: EventRow | undefined): LogEdge | undefined {
  return row && { snapshot: row.target, mark: BigInt(row.mark), slice: row.slice }
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

const READ_NEW = `select * from ${SCHEMA}.read_new($1, $2, $3, $4, $5, $6, $7, $8, $9)`
const READ_WINDOW = `select * from ${SCHEMA}.read_window($1, $2, $3, $4, $5, $6, $7, $8)`
