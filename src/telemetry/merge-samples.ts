import type { SerialisedHistogram } from '../core/histogram.ts'
import type { MetricKind } from '../control/metric-names.ts'
import type { StoredSamples, StoredValue } from './sample-codec.ts'

/**
 * Two reports of the same series in the same second as one: counters and distributions are added, of a gauge the later
 * counts.
 */
export function addValues(kind: MetricKind, earlier: StoredValue | undefined, later: StoredValue): StoredValue {
  if (earlier === undefined) return later
  if (later.kind === 'histogram' && earlier.kind === 'histogram') {
    return { kind: 'histogram', histogram: addHistograms(earlier.histogram, later.histogram) }
  }
  if (kind === 'counter' && later.kind === 'number' && earlier.kind === 'number') {
    return { kind: 'number', value: earlier.value + later.value }
  }
  return later
}

/**
 * The samples of several short steps as those of one long step: counters and distributions are added, of a gauge the
 * mean and the highest are kept.
 */
export function rollUp(steps: Iterable<StoredSamples>, kindOf: (series: number) => MetricKind): StoredSamples {
  const sums = new Map<number, StoredValue>()
  const levels = new Map<number, { sum: number; count: number; max: number }>()
  for (const samples of steps) {
    for (const [series, value] of samples) {
      const kind = kindOf(series)
      if (kind !== 'gauge' || value.kind === 'histogram') {
        sums.set(series, addValues(kind, sums.get(series), value))
        continue
      }
      const { mean, max } = value.kind === 'number' ? { mean: value.value, max: value.value } : value
      const level = levels.get(series) ?? { sum: 0, count: 0, max }
      levels.set(series, { sum: level.sum + mean, count: level.count + 1, max: Math.max(level.max, max) })
    }
  }
  for (const [series, { sum, count, max }] of levels) {
    const mean = sum / count
    sums.set(series, mean === max ? { kind: 'number', value: mean } : { kind: 'level', mean, max })
  }
  return sums
}

/** The sum of two distributions, bucket by bucket: as `Histogram.merge`, without making a histogram of each. */
export function addHistograms(a: SerialisedHistogram, b: SerialisedHistogram): SerialisedHistogram {
  const buckets: (readonly [number, number])[] = []
  let at = 0
  for (const bucket of a.buckets) {
    while (at < b.buckets.length && b.buckets[at]![0] < bucket[0]) buckets.push(b.buckets[at++]!)
    const isBoth = at < b.buckets.length && b.buckets[at]![0] === bucket[0]
    buckets.push(isBoth ? [bucket[0], bucket[1] + b.buckets[at++]![1]] : bucket)
  }
  while (at < b.buckets.length) buckets.push(b.buckets[at++]!)
  return { buckets, sum: a.sum + b.sum, max: Math.max(a.max, b.max) }
}
