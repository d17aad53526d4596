import { didYouMean } from '../core/did-you-mean.ts'
import { TenfoldError } from '../core/errors.ts'
import type { MetricFrame, MetricSample } from './metric-frame.ts'
import type { MetricDescription } from './metric-names.ts'
import { metricDescription, METRICS } from './metric-names.ts'

/**
 * Holds a frame to the table of metrics: names, labels, and whether a sample is a number or a distribution.
 *
 * @throws TF_METRIC_UNKNOWN for the first that is not in the table
 */
export function checkFrame(frame: MetricFrame): void {
  for (const sample of frame.samples) {
    const description = metricDescription(sample.name)
    if (description === undefined) throw unknownName(frame.source, sample.name)
    const problem = problemOf(sample, description)
    if (problem !== undefined) {
      throw unknown(`expected ${sample.name} of ${frame.source} to be as in the table of metrics, got ${problem}`)
    }
  }
}

function problemOf(sample: MetricSample, description: MetricDescription): string | undefined {
  const given = sample.labels ?? {}
  for (const label of description.labels) if (!Object.hasOwn(given, label)) return `no label ${label}`
  for (const label of Object.keys(given)) {
    if (!description.labels.includes(label) && description.mayHave?.includes(label) !== true) return `label ${label}`
  }
  if (description.kind === 'histogram') return 'histogram' in sample ? undefined : 'a number for a histogram'
  if (!('value' in sample)) return `a histogram for a ${description.kind}`
  return Number.isFinite(sample.value) ? undefined : String(sample.value)
}

function unknownName(source: string, name: string): TenfoldError {
  const meant = didYouMean(name, Object.keys(METRICS))
  return unknown(
    `expected a metric of the table, got ${name} from ${source}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  )
}

function unknown(message: string): TenfoldError {
  return new TenfoldError('TF_METRIC_UNKNOWN', message, {
    hint: 'add a row to src/control/metric-names.ts, or use the same version of Tenfold for all processes',
  })
}
