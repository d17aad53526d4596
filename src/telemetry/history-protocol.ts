import type { MetricFrame } from '../control/metric-frame.ts'
import type { Span, TraceQuery, TraceSummary } from '../control/span.ts'
import type { Series, SeriesQuery } from '../control/series-query.ts'
import type { ErrorCode } from '../core/error-codes.ts'
import type { HistoryLimits, HistoryStats } from './history-database.ts'

/** What the thread of the history is started with. */
export interface HistoryWorkerData {
  readonly file: string
  readonly limits: HistoryLimits
}

/** To the thread: each request is answered once, in order. */
export type HistoryRequest = { readonly id: number } & (
  | { readonly kind: 'write'; readonly frames: readonly MetricFrame[] }
  | { readonly kind: 'spans'; readonly spans: readonly Span[] }
  | { readonly kind: 'trace'; readonly traceId: string }
  | { readonly kind: 'traces'; readonly query: TraceQuery }
  | { readonly kind: 'series'; readonly query: SeriesQuery }
  | { readonly kind: 'stats' }
  | { readonly kind: 'close' }
)

/** What a request is answered with. */
export type HistoryResult = readonly Series[] | readonly Span[] | readonly TraceSummary[] | HistoryStats

/** From the thread. */
export type HistoryMessage =
  /** The file was opened, or can't be: then the thread tries again with the next write. */
  | { readonly kind: 'opened'; readonly putAside?: { readonly file: string; readonly reason: string } }
  | { readonly kind: 'unavailable'; readonly reason: string }
  | { readonly kind: 'done'; readonly id: number; readonly result?: HistoryResult }
  | {
      readonly kind: 'failed'
      readonly id: number
      readonly code: ErrorCode
      readonly message: string
      readonly hint?: string
    }
