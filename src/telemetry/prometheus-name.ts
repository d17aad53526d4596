import type { MetricDescription } from '../control/metric-names.ts'

/** How a metric of the table appears in the Prometheus text. */
export interface PrometheusName {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** Values are multiplied by this: Prometheus wants seconds. */
  readonly factor: number
}

const UNITS: Readonly<Record<string, string>> = { s: 'seconds', us: 'seconds', By: 'bytes', '1': 'ratio' }

/**
 * The name as OpenTelemetry translates it: dots become underscores, the unit is the ending, counters end in `_total`;
 * units in braces are left out. A gauge may not end in `_count`, which belongs to histograms.
 *
 * @example prometheusName('process.cpu.time', METRICS['process.cpu.time']).name // 'process_cpu_time_seconds_total'
 */
export function prometheusName(name: string, { kind, unit }: MetricDescription): PrometheusName {
  const ending = UNITS[unit]
  const base = name.replaceAll('.', '_').replace(kind === 'gauge' ? /_count$/ : /_total$/, '')
  const withUnit = ending === undefined || base.endsWith(`_${ending}`) ? base : `${base}_${ending}`
  return { name: kind === 'counter' ? `${withUnit}_total` : withUnit, type: kind, factor: unit === 'us' ? 1e-6 : 1 }
}
