import type { Histogram } from '../core/histogram.ts'
import { createHistogram } from '../core/histogram.ts'
import { TenfoldError } from '../core/errors.ts'
import type { MetricKind } from '../control/metric-names.ts'
import type { Series, SeriesPoint, SeriesQuery } from '../control/series-query.ts'
import type { HistoryStep } from './history-schema.ts'
import { HISTORY_STEPS } from './history-schema.ts'
import type { StoredValue } from './sample-codec.ts'
import { decodeSamples } from './sample-codec.ts'
import type { KnownSeries, SeriesRegistry } from './series-registry.ts'

/** Where a query reads, in whole seconds. */
export interface QueryPlan {
  /** Rows after this … */
  readonly from: number
  /** … up to and with this. */
  readonly to: number
  /** Which rows. */
  readonly step: HistoryStep
  /** Distance of two points, a multiple of the step. */
  readonly pointSeconds: number
}

const POINTS_DEFAULT = 600
const POINTS_MAX = 10_000
const SERIES_MAX = 200

/**
 * The longest rows that are no longer than the distance asked for; where those have been let go, or not been made yet,
 * others. Longer rows are made some seconds after their end, so a long time seen at once ends that much earlier.
 *
 * @param oldest of the rows of a step, in seconds; infinite when there are none
 * @throws TF_INPUT_INVALID for more than 10,000 points
 */
export function planQuery(query: SeriesQuery, oldest: (step: HistoryStep) => number): QueryPlan {
  const from = Math.floor(query.fromEpochMs / 1_000)
  const to = Math.floor(query.toEpochMs / 1_000)
  const span = Math.max(0, to - from)
  const askedMs = query.stepMs ?? (span * 1_000) / POINTS_DEFAULT
  const asked = Math.max(1, Math.ceil(askedMs / 1_000))
  const fitting = HISTORY_STEPS.findLast((step) => step <= asked) ?? 1
  const begin = Math.max(from, Math.min(...HISTORY_STEPS.map(oldest)))
  const step = HISTORY_STEPS.find((each) => each >= fitting && oldest(each) <= begin + each) ?? 1
  const pointSeconds = Math.ceil(asked / step) * step
  if (span / pointSeconds > POINTS_MAX) {
    throw new TenfoldError(
      'TF_INPUT_INVALID',
      `expected at most ${POINTS_MAX} points, got ${Math.ceil(span / pointSeconds)}`,
      { hint: 'ask for a longer step or a shorter time' },
    )
  }
  return { from, to, step, pointSeconds }
}

/** Adds the rows of a plan up to series. Rows come in order of time. */
export function collectSeries(
  query: SeriesQuery,
  plan: QueryPlan,
  registry: SeriesRegistry,
  rows: Iterable<{ readonly at: number; readonly body: Uint8Array }>,
): readonly Series[] {
  const { groups, groupOf } = groupSeries(query, registry)
  const isWanted = (id: number): boolean => groupOf.has(id)
  const kind = groups.size === 0 ? 'gauge' : registry.kindOf([...groupOf.keys()][0]!)
  let pointAt = Number.NEGATIVE_INFINITY
  const finish = (): void => {
    for (const group of groups.values()) group.finish(pointAt * 1_000)
  }
  if (groups.size > 0) {
    for (const { at, body } of rows) {
      const end = Math.ceil(at / plan.pointSeconds) * plan.pointSeconds
      if (end !== pointAt) {
        finish()
        pointAt = end
      }
      decodeSamples(body, (id, value) => groupOf.get(id)!.take(kind, id, value), isWanted)
    }
    finish()
  }
  return [...groups.values()]
    .filter(({ points }) => points.length > 0)
    .map(({ labels, points }) => ({ labels, points }))
}

function groupSeries(query: SeriesQuery, registry: SeriesRegistry) {
  const groups = new Map<string, Group>()
  const groupOf = new Map<number, Group>()
  for (const series of registry.named(query.name)) {
    if (!matches(series, query)) continue
    const all = { ...series.labels, source: series.source }
    const labels: Record<string, string> =
      query.by === undefined
        ? all
        : Object.fromEntries(Object.entries(all).filter(([label]) => query.by!.includes(label)))
    const key = JSON.stringify(Object.entries(labels).sort())
    let group = groups.get(key)
    if (group === undefined) {
      if (groups.size === SERIES_MAX) continue
      group = new Group(labels)
      groups.set(key, group)
    }
    groupOf.set(series.id, group)
  }
  return { groups, groupOf }
}

function matches(series: KnownSeries, query: SeriesQuery): boolean {
  if (query.source !== undefined && series.source !== query.source) return false
  return Object.entries(query.labels ?? {}).every(([label, wanted]) => {
    const given = series.labels[label]
    return given !== undefined && (typeof wanted === 'string' ? wanted === given : wanted.includes(given))
  })
}

/** The series that become one, and the point that is being added up. */
class Group {
  readonly labels: Readonly<Record<string, string>>
  readonly points: SeriesPoint[] = []
  #sum: number | undefined
  #histogram: Histogram | undefined
  #hasHistogram = false
  readonly #levels = new Map<number, { sum: number; count: number; max: number }>()

  constructor(labels: Readonly<Record<string, string>>) {
    this.labels = labels
  }

  take(kind: MetricKind, id: number, value: StoredValue): void {
    if (value.kind === 'histogram') {
      this.#histogram ??= createHistogram()
      this.#histogram.merge(value.histogram)
      this.#hasHistogram = true
    } else if (kind === 'counter') {
      this.#sum = (this.#sum ?? 0) + (value.kind === 'number' ? value.value : value.mean)
    } else {
      const { mean, max } = value.kind === 'number' ? { mean: value.value, max: value.value } : value
      const level = this.#levels.get(id) ?? { sum: 0, count: 0, max }
      this.#levels.set(id, { sum: level.sum + mean, count: level.count + 1, max: Math.max(level.max, max) })
    }
  }

  finish(atEpochMs: number): void {
    if (this.#hasHistogram) {
      this.points.push({ atEpochMs, histogram: this.#histogram!.serialise() })
      this.#histogram!.reset()
      this.#hasHistogram = false
    }
    if (this.#sum !== undefined) this.points.push({ atEpochMs, value: this.#sum })
    if (this.#levels.size > 0) {
      const levels = [...this.#levels.values()]
      this.points.push({
        atEpochMs,
        value: levels.reduce((total, { sum, count }) => total + sum / count, 0),
        max: levels.reduce((total, { max }) => total + max, 0),
      })
      this.#levels.clear()
    }
    this.#sum = undefined
  }
}
