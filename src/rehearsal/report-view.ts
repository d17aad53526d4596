import type { styleText } from 'node:util'
import { formatDuration } from '../core/duration.ts'
import { formatTable } from '../core/table.ts'
import { drawLatencyPlot } from './latency-plot.ts'
import type { RehearsalReport, ServiceVerdict } from './rehearsal-report.ts'

type Style = (style: Parameters<typeof styleText>[0], text: string) => string

/** A rehearsal for people: what was asked, how latency went, where it was spent, and the verdict. Pure. */
export function reportView(report: RehearsalReport, style: Style, columns = 78): string {
  const { load } = report
  return [
    `${style('bold', `Rehearsal of ${report.system} (${report.configuration})`)}: ${what(report)}`,
    '',
    plot(report, style, columns),
    '',
    formatTable([['step', 'requests', 'failed', 'p50', 'p95', 'p99', 'max'], ...stepRows(report)], '  '),
    ...(report.drill === undefined ? [] : [style('magenta', `  ${drillText(report.drill)}`)]),
    ...load.examples.slice(0, 3).map(({ step, problem }) => style('yellow', `  ! ${step}: ${problem}`)),
    style('dim', `  generator: ${generatorText(report)}`),
    '',
    ...report.verdicts.flatMap((verdict) => verdictLines(verdict, style)),
    conclusion(report, style),
  ].join('\n')
}

function what({ peakPerSecond, times, arrivals, load, controlTimeScale }: RehearsalReport): string {
  const peak = `${round(peakPerSecond)} sessions/s at the peak${times === 1 ? '' : ` (${times} × the blueprint's)`}`
  const scale = load.timeScale === 1 ? '' : `, timeScale ${load.timeScale}`
  const control = controlTimeScale === undefined ? '' : `, control time × ${controlTimeScale}`
  return `${peak}, ${arrivals.shape} arrivals over ${formatDuration(load.durationMs)}${scale}${control}, seed ${load.seed}`
}

function plot({ load, verdicts }: RehearsalReport, style: Style, columns: number): string {
  const colours = ['blue', 'cyan'] as const
  const seconds = load.seconds.filter(({ second }) => second * 1_000 < load.durationMs)
  const [first] = verdicts.flatMap(({ objective }) => objective.latency)
  const value = (ms: number): number | undefined => (ms > 0 ? ms : undefined)
  return drawLatencyPlot(
    {
      series: [
        { label: 'p50', valuesMs: seconds.map(({ latencyMsP50 }) => value(latencyMsP50)) },
        { label: 'p95', valuesMs: seconds.map(({ latencyMsP95 }) => value(latencyMsP95)) },
      ],
      bound:
        first === undefined
          ? undefined
          : { label: `objective p${first.percentile} ≤ ${formatDuration(first.boundMs)}`, valueMs: first.boundMs },
      rates: seconds.map(({ offered }) => offered),
      durationSeconds: load.durationMs / 1_000,
    },
    {
      columns,
      paint: (which, text) =>
        style(which === 'bound' ? 'red' : which === 'rates' ? 'dim' : (colours[which] ?? 'white'), text),
    },
  )
}

function stepRows({ load }: RehearsalReport): readonly (readonly string[])[] {
  const row = (name: string, requests: number, failed: number, latency: typeof load.latency): readonly string[] => [
    name,
    String(requests),
    String(failed),
    ...[latency.msP50, latency.msP95, latency.msP99, latency.msMax].map((ms) => formatDuration(ms)),
  ]
  return [
    ...load.steps.map(({ step, succeeded, failed, latency }) => row(step, succeeded + failed, failed, latency)),
    row('all', load.requests.succeeded + load.requests.failed, load.requests.failed, load.latency),
  ]
}

function generatorText({ load: { generator, validity } }: RehearsalReport): string {
  const health = `sent ${round(generator.lagMsP99)} ms late (p99), loop ${Math.round(generator.elu * 100)} % busy`
  return validity.state === 'valid' ? `${health}, so it was not the limit` : `${health}; ${validity.reasons.join('; ')}`
}

function drillText({ name, text, afterMs }: NonNullable<RehearsalReport['drill']>): string {
  return `${name} after ${formatDuration(afterMs)}: ${text}`
}

function verdictLines({ service, measuredAt, verdict }: ServiceVerdict, style: Style): readonly string[] {
  const mark = { met: style('green', '✔ met'), broken: style('red', '✘ broken'), invalid: style('yellow', '? open') }
  const where = measuredAt === 'gateway' ? ' (measured at the gateway)' : ''
  return verdict.reasons.map(({ state, text }) => `  ${mark[state]}  ${service}${where}: ${text}`)
}

function conclusion({ state, verdicts, load }: RehearsalReport, style: Style): string {
  switch (state) {
    case 'passed':
      return style(['bold', 'green'], 'PASSED: the objectives hold at this load.')
    case 'failed':
      return style(['bold', 'red'], 'FAILED: an objective is broken at this load.')
    case 'invalid':
      return style(
        ['bold', 'yellow'],
        `INVALID: nothing can be said. ${remedy(verdicts, load.validity.state === 'valid')}`,
      )
  }
}

function remedy(verdicts: readonly ServiceVerdict[], isGeneratorWell: boolean): string {
  if (!isGeneratorWell) return 'The generator was the limit: close other programs, or rehearse a smaller peak.'
  if (verdicts.length === 0)
    return "The blueprint has no objectives: add objectives: { api: { latency: { p95: '200ms' } } }."
  return 'There were too few requests: rehearse longer with --duration, or a larger peak.'
}

function round(value: number): number {
  return Number(value.toPrecision(3))
}
