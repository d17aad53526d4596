import type { MetricFrame, MetricSample } from '../control/metric-frame.ts'

/** What every label of a series beyond the bound is called, and its source. */
export const OTHER = 'other'

/** Lets a bounded number of series through. */
export interface SeriesLimit {
  /**
   * The frames to keep for a frame: itself, but without the samples of series beyond the bound; those are in a frame of
   * the source `other`, with `other` for every label, so that sums stay right.
   */
  admit(frame: MetricFrame): readonly MetricFrame[]
  /** Different series seen, those left out not counted. */
  readonly count: number
}

/**
 * At most `seriesMax` different series until the process ends: first come, first served. `onOverflow` is called once,
 * with the first that is not.
 */
export function createSeriesLimit(options: {
  readonly seriesMax: number
  readonly onOverflow: (sample: MetricSample, source: string) => void
}): SeriesLimit {
  const { seriesMax, onOverflow } = options
  const known = new Set<string>()
  let hasOverflowed = false

  function isAdmitted(source: string, sample: MetricSample): boolean {
    const key = seriesKey(source, sample)
    if (known.has(key)) return true
    if (known.size < seriesMax) {
      known.add(key)
      return true
    }
    if (!hasOverflowed) onOverflow(sample, source)
    hasOverflowed = true
    return false
  }

  return {
    admit(frame) {
      const { source, samples, atEpochMs } = frame
      const beyond = samples.filter((sample) => !isAdmitted(source, sample))
      if (beyond.length === 0) return [frame]
      const kept = { ...frame, samples: samples.filter((sample) => !beyond.includes(sample)) }
      return [kept, { atEpochMs, source: OTHER, samples: beyond.map(withoutIdentity) }]
    },
    get count() {
      return known.size
    },
  }
}

/** What tells two series apart. Samples of one source name their labels in one order, or count as two. */
export function seriesKey(source: string, { name, labels }: MetricSample): string {
  let key = `${source}\n${name}`
  for (const label in labels) key += `\n${label}=${labels[label]}`
  return key
}

function withoutIdentity(sample: MetricSample): MetricSample {
  const labels = Object.fromEntries(Object.keys(sample.labels ?? {}).map((label) => [label, OTHER]))
  return { ...sample, labels }
}
