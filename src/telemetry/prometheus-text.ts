import { metricDescription } from '../control/metric-names.ts'
import { prometheusName } from './prometheus-name.ts'
import type { HistogramTotal, MetricFamily, TotalSeries } from './prometheus-totals.ts'
import { BUCKET_BOUNDS_US } from './prometheus-totals.ts'

/** What an answer with this text is labelled as. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Families in the text format of Prometheus
 * (https://prometheus.io/docs/instrumenting/exposition_formats/), each with its HELP and TYPE.
 *
 * @example
 * // # HELP tenfold_gateway_retries_total Attempts on a further instance after one had failed.
 * // # TYPE tenfold_gateway_retries_total counter
 * // tenfold_gateway_retries_total{service="api",source="gateway"} 3
 */
export function prometheusText(families: readonly MetricFamily[]): string {
  const lines: string[] = []
  for (const { name: metric, series } of families) {
    const description = metricDescription(metric)
    if (description === undefined) continue
    const { name, type, factor } = prometheusName(metric, description)
    lines.push(`# HELP ${name} ${escapeHelp(description.meaning)}`, `# TYPE ${name} ${type}`)
    for (const each of series) {
      const { total } = each
      if (typeof total === 'number') lines.push(`${name}${labelsOf(each)} ${numberOf(total * factor)}`)
      else lines.push(...histogramLines(name, each, total, factor))
    }
  }
  return `${lines.join('\n')}\n`
}

function histogramLines(
  name: string,
  series: TotalSeries,
  { upTo, count, sum }: HistogramTotal,
  factor: number,
): string[] {
  const bounds = BUCKET_BOUNDS_US.map((bound) => numberOf(bound * factor))
  return [
    ...bounds.map((le, at) => `${name}_bucket${labelsOf(series, le)} ${numberOf(upTo[at]!)}`),
    `${name}_bucket${labelsOf(series, '+Inf')} ${numberOf(count)}`,
    `${name}_sum${labelsOf(series)} ${numberOf(sum * factor)}`,
    `${name}_count${labelsOf(series)} ${numberOf(count)}`,
  ]
}

function labelsOf({ source, labels }: TotalSeries, le?: string): string {
  const all = { ...labels, source, ...(le === undefined ? {} : { le }) }
  return `{${Object.entries(all)
    .map(([label, value]) => `${label.replaceAll('.', '_')}="${escapeLabel(value)}"`)
    .join(',')}}`
}

/** Twelve digits: enough for every counter, and 0.1 stays 0.1. */
function numberOf(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(12)))
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"')
}
