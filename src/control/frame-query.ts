import type { Histogram } from '../core/histogram.ts'
import { createHistogram } from '../core/histogram.ts'
import type { MetricFrame, MetricSample } from './metric-frame.ts'
import type { MetricName } from './metric-names.ts'

/** Which samples are meant. */
export interface SampleSelector {
  readonly name: MetricName
  /** Only of this source: `'host'`, `'instance/api-1'`. @default any */
  readonly source?: string
  /** Only with these labels; a list means any of them. @default any */
  readonly labels?: Readonly<Record<string, string | readonly string[]>>
}

/** The frames of the seconds that ended in (`fromEpochMs`, `toEpochMs`]. */
export function framesBetween(
  frames: readonly MetricFrame[],
  fromEpochMs: number,
  toEpochMs: number,
): readonly MetricFrame[] {
  return frames.filter(({ atEpochMs }) => atEpochMs > fromEpochMs && atEpochMs <= toEpochMs)
}

/** Total of a counter over all frames, sources and labels that match; 0 when there are none. */
export function sumOf(frames: readonly MetricFrame[], selector: SampleSelector): number {
  let sum = 0
  for (const { sample } of matching(frames, selector)) if ('value' in sample) sum += sample.value
  return sum
}

/**
 * A counter per second over a window of `windowMs`, which is the length of the window, not of what was reported in it:
 * a second without a frame is a second without an event.
 */
export function ratePerSecond(frames: readonly MetricFrame[], selector: SampleSelector, windowMs: number): number {
  return windowMs > 0 ? (sumOf(frames, selector) * 1000) / windowMs : 0
}

/**
 * A gauge now: the last value of every series (source and labels) that matches, added up. Undefined when there is none.
 *
 * @example lastOf(frames, { name: 'http.server.active_requests', labels: { service: 'api' } }) // 12
 */
export function lastOf(frames: readonly MetricFrame[], selector: SampleSelector): number | undefined {
  const last = new Map<string, { atEpochMs: number; value: number }>()
  for (const { frame, sample } of matching(frames, selector)) {
    if (!('value' in sample)) continue
    const series = `${frame.source} ${JSON.stringify(Object.entries(sample.labels ?? {}).sort())}`
    const known = last.get(series)
    if (known === undefined || frame.atEpochMs >= known.atEpochMs) {
      last.set(series, { atEpochMs: frame.atEpochMs, value: sample.value })
    }
  }
  if (last.size === 0) return undefined
  return [...last.values()].reduce((sum, { value }) => sum + value, 0)
}

/** The largest value of a gauge in the frames; undefined when there is none. */
export function maxOf(frames: readonly MetricFrame[], selector: SampleSelector): number | undefined {
  let max: number | undefined
  for (const { sample } of matching(frames, selector)) {
    if ('value' in sample && (max === undefined || sample.value > max)) max = sample.value
  }
  return max
}

/**
 * The distribution over all frames, sources and labels that match, by adding them: percentiles of it are percentiles of
 * all that happened, never averages of percentiles. Empty when there are none.
 *
 * @example histogramOf(frames, { name: 'http.server.request.duration' }).percentile(95) / 1000 // milliseconds
 */
export function histogramOf(frames: readonly MetricFrame[], selector: SampleSelector): Histogram {
  const merged = createHistogram()
  for (const { sample } of matching(frames, selector)) if ('histogram' in sample) merged.merge(sample.histogram)
  return merged
}

/** The values that a label has in the samples that match, sorted: the services that were asked, say. */
export function labelValues(
  frames: readonly MetricFrame[],
  selector: SampleSelector,
  label: string,
): readonly string[] {
  const values = new Set<string>()
  for (const { sample } of matching(frames, selector)) {
    const value = sample.labels?.[label]
    if (value !== undefined) values.add(value)
  }
  return [...values].sort()
}

function* matching(
  frames: readonly MetricFrame[],
  selector: SampleSelector,
): Generator<{ frame: MetricFrame; sample: MetricSample }> {
  const wanted = Object.entries(selector.labels ?? {})
  for (const frame of frames) {
    if (selector.source !== undefined && frame.source !== selector.source) continue
    for (const sample of frame.samples) {
      if (sample.name === selector.name && hasLabels(sample, wanted)) yield { frame, sample }
    }
  }
}

function hasLabels(sample: MetricSample, wanted: readonly (readonly [string, string | readonly string[]])[]): boolean {
  return wanted.every(([label, value]) => {
    const given = sample.labels?.[label]
    return given !== undefined && (typeof value === 'string' ? given === value : value.includes(given))
  })
}
