import { deserialiseHistogram } from '../core/histogram.ts'
import type { Clock } from '../core/clock.ts'
import type { MetricFrame, MetricSample, SerialisedHistogram } from '../control/metric-frame.ts'
import { metricDescription } from '../control/metric-names.ts'
import { seriesKey } from './series-limit.ts'

/** What a scraper is shown: counters and distributions since the start of this run, gauges as they are. */
export interface PrometheusTotals {
  /** Adds a frame whose names and labels are of the table. */
  add(frame: MetricFrame): void
  /** By metric, in alphabetical order; gauges that nobody has reported for 15 s are gone. */
  families(): readonly MetricFamily[]
}

/** All series of one metric. */
export interface MetricFamily {
  readonly name: string
  readonly series: readonly TotalSeries[]
}

export interface TotalSeries {
  readonly source: string
  readonly labels: Readonly<Record<string, string>>
  readonly total: number | HistogramTotal
}

export interface HistogramTotal {
  /** Values up to each bound of `BUCKET_BOUNDS_US`, cumulative as Prometheus wants them. */
  readonly upTo: readonly number[]
  readonly count: number
  /** Microseconds. */
  readonly sum: number
}

/**
 * Upper bounds of the buckets: what Prometheus and OpenTelemetry use for durations, with three more below. Our own
 * buckets are 0.8 % wide, and one that a bound divides counts as below it.
 */
export const BUCKET_BOUNDS_US: readonly number[] = [
  500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
  10_000_000,
]

const GAUGE_STALE_MS = 15_000

interface Entry {
  readonly source: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly isGauge: boolean
  total: number | { upTo: number[]; count: number; sum: number }
  updatedMs: number
}

/** Nothing counted yet. It grows with the number of series: bound them before (`createSeriesLimit`). */
export function createPrometheusTotals(clock: Clock): PrometheusTotals {
  const entries = new Map<string, Entry>()

  function entryOf(source: string, sample: MetricSample): Entry {
    const key = seriesKey(source, sample)
    let entry = entries.get(key)
    if (entry === undefined) {
      const { name, labels = {} } = sample
      const isGauge = metricDescription(name)?.kind === 'gauge'
      const total = 'histogram' in sample ? { upTo: BUCKET_BOUNDS_US.map(() => 0), count: 0, sum: 0 } : 0
      entry = { source, name, labels, isGauge, total, updatedMs: 0 }
      entries.set(key, entry)
    }
    return entry
  }

  return {
    add({ source, samples }) {
      const nowMs = clock.nowMs()
      for (const sample of samples) {
        const entry = entryOf(source, sample)
        entry.updatedMs = nowMs
        if ('histogram' in sample) {
          if (typeof entry.total === 'object') addHistogram(entry.total, sample.histogram)
        } else if (typeof entry.total === 'number') {
          // A counter never goes back, whatever a clock or a process does.
          entry.total = entry.isGauge ? sample.value : entry.total + Math.max(0, sample.value)
        }
      }
    },
    families() {
      const nowMs = clock.nowMs()
      const families = new Map<string, TotalSeries[]>()
      for (const [key, entry] of entries) {
        if (entry.isGauge && nowMs - entry.updatedMs > GAUGE_STALE_MS) {
          entries.delete(key)
          continue
        }
        const series = families.get(entry.name) ?? []
        families.set(entry.name, series)
        series.push(entry)
      }
      return [...families].map(([name, series]) => ({ name, series })).sort((a, b) => (a.name < b.name ? -1 : 1))
    },
  }
}

function addHistogram(total: { upTo: number[]; count: number; sum: number }, added: SerialisedHistogram): void {
  const histogram = deserialiseHistogram(added)
  const { count } = histogram
  for (const [at, bound] of BUCKET_BOUNDS_US.entries()) total.upTo[at]! += count - histogram.countAbove(bound)
  total.count += count
  total.sum += added.sum
}
