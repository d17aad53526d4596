import { metricDescription, METRICS } from './metric-names.ts'

/** Text of `docs/reference/metrics.md`. */
export function metricsDocument(): string {
  const rows = Object.keys(METRICS).map((name) => {
    const { kind, unit, labels, mayHave = [], meaning } = metricDescription(name)!
    const known = [...labels.map((label) => `\`${label}\``), ...mayHave.map((label) => `\`${label}\`?`)]
    return `| \`${name}\` | ${kind} | \`${unit}\` | ${known.join(', ')} | ${meaning} |`
  })
  return [
    '# Metrics',
    '',
    'Once a second every source (`gateway`, `instance/api-1`, `postgres/orders`, `host`, `generator`) reports a frame of these.',
    'A counter is what was added in that second, a gauge is a level now, a histogram is the distribution of that second.',
    'Labels with a question mark are not on every sample; what is counted with them is not counted again without. `status_class` is `2xx`, `3xx`, `4xx`, `5xx`, or `none` without an answer.',
    'This page is generated from `src/control/metric-names.ts`.',
    '',
    '| name | kind | unit | labels | meaning |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}
