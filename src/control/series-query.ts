import type { SerialisedHistogram } from '../core/histogram.ts'
import type { MetricName } from './metric-names.ts'

/** Which part of the history is asked for. */
export interface SeriesQuery {
  readonly name: MetricName
  /** Only of this source: `'host'`, `'instance/api-1'`. @default any */
  readonly source?: string | undefined
  /** Only with these labels; a list means any of them. @default any */
  readonly labels?: Readonly<Record<string, string | readonly string[]>> | undefined
  /** The seconds that ended in (`fromEpochMs`, `toEpochMs`]. */
  readonly fromEpochMs: number
  readonly toEpochMs: number
  /**
   * Distance of two points, rounded up to whole seconds and to what is still kept: 1 s, 10 s or 1 min.
   *
   * @default the smallest that gives at most 600 points
   */
  readonly stepMs?: number | undefined
  /** Series that agree in these labels become one; `'source'` may be among them. @default every series on its own */
  readonly by?: readonly string[] | undefined
}

/** One line of a chart. */
export interface Series {
  /** What was asked for with `by`, or all labels and the `source`. */
  readonly labels: Readonly<Record<string, string>>
  /** In order of time; a step in which nothing was reported has none. */
  readonly points: readonly SeriesPoint[]
}

/** What was measured in the step that ended at `atEpochMs`. */
export type SeriesPoint = { readonly atEpochMs: number } & (
  | {
      /** A counter: what was added in the step. A gauge: its mean, added up over the series. */
      readonly value: number
      /** The highest that a gauge was; of several series, the sum of their highest. Absent for a counter. */
      readonly max?: number
    }
  | /** The distribution of the step, of all series together. */ { readonly histogram: SerialisedHistogram }
)

/** Where the control server reads the history; `runtime` gives it the telemetry's. */
export interface SeriesSource {
  /**
   * The series that match, at most 200.
   *
   * @throws TF_INPUT_INVALID for more than 10,000 points a series
   * @throws TF_HISTORY_UNAVAILABLE when there is no history to read
   */
  series(query: SeriesQuery): Promise<readonly Series[]>
}
