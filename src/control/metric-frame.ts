import type { SerialisedHistogram } from '../core/histogram.ts'

export type { SerialisedHistogram }

/**
 * One second of measurements from one source. Names, units and labels are fixed in `metric-names.ts`, after the
 * OpenTelemetry conventions.
 */
export interface MetricFrame {
  /** End of the second, milliseconds since the Unix epoch. */
  readonly atEpochMs: number
  /** Who measured: `gateway`, `instance/api-1`, `postgres/orders`, `host`, `generator`. */
  readonly source: string
  readonly samples: readonly MetricSample[]
}

export type MetricSample = {
  readonly name: string
  /** Low cardinality only: service, instance, database, status class. Never a user or a path. */
  readonly labels?: Readonly<Record<string, string>>
} & (
  | /** A level now, or what was added in this second (see the metric's kind). */ { readonly value: number }
  | /** A distribution in this second, mergeable by addition. */ { readonly histogram: SerialisedHistogram }
)
