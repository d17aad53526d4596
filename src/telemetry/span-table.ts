import type { DatabaseSync } from 'node:sqlite'
import type { Span, TraceQuery, TraceSummary } from '../control/span.ts'

/** The spans in the file of the history. Every method throws what SQLite says. */
export interface SpanTable {
  /** Adds spans in the transaction that is open. */
  add(spans: readonly Span[]): void
  /** The spans of a trace in the order of their start. */
  trace(traceId: string): readonly Span[]
  /** The traces that are kept, slowest first. */
  traces(query: TraceQuery): readonly TraceSummary[]
  /** Lets spans go that began before, and of those that are left the oldest beyond a number. */
  prune(beforeSeconds: number, spansMax: number): void
}

/** Of one trace; one that has more is a flood of its own. */
const SPANS_OF_TRACE_MAX = 5_000

/** The table that `openHistory` has made. */
export function openSpanTable(db: DatabaseSync): SpanTable {
  return {
    add(spans) {
      const insert = db.prepare('insert into span (trace, at, body) values (?, ?, ?)')
      for (const span of spans) insert.run(span.traceId, Math.floor(span.startEpochMs / 1_000), JSON.stringify(span))
    },
    trace(traceId) {
      const rows = db.prepare(`select body from span where trace = ? limit ${SPANS_OF_TRACE_MAX}`).all(traceId)
      return rows.map((row) => spanOf(row['body'])).sort((a, b) => a.startEpochMs - b.startEpochMs)
    },
    traces({ sinceEpochMs, service = '', limit }) {
      // Beside a single max(), a column without an aggregate is that of the row with the highest value.
      const rows = db
        .prepare(
          `select trace, body, max(json_extract(body, '$.durationMs')) as ms, count(*) as spans,
             sum(json_extract(body, '$.isError')) as errors
           from span where at >= ?1 group by trace
           having ?2 = '' or sum(?2 in (json_extract(body, '$.service'), json_extract(body, '$.attributes."tenfold.service"'))) > 0
           order by ms desc limit ?3`,
        )
        .all(Math.floor(sinceEpochMs / 1_000), service, limit)
      return rows.map((row) => ({
        traceId: String(row['trace']),
        longest: spanOf(row['body']),
        spans: Number(row['spans']),
        errors: Number(row['errors']),
      }))
    },
    prune(beforeSeconds, spansMax) {
      db.prepare('delete from span where at < ?').run(beforeSeconds)
      db.prepare('delete from span where id <= (select max(id) from span) - ?').run(spansMax)
    },
  }
}

function spanOf(body: unknown): Span {
  return JSON.parse(String(body)) as Span
}
