import type { styleText } from 'node:util'
import { formatDuration } from '../core/duration.ts'
import { formatTable } from '../core/table.ts'
import type { DrillEvent, DrillReport } from './drill-report.ts'

type Style = (style: Parameters<typeof styleText>[0], text: string) => string

/** A drill for people: what happened when, and what it has cost. Pure. */
export function drillView(report: DrillReport, style: Style): string {
  const { drill, system, database, users } = report
  return [
    style('bold', `Drill ${drill} of ${database} in ${system}`),
    '',
    formatTable(report.events.map(eventRow), '  '),
    '',
    ...report.findings.map(({ isGood, text }) => `  ${isGood ? style('green', '✔') : style('red', '✘')} ${text}`),
    ...(users === undefined ? [] : [style('dim', `  ${usersText(users)}`)]),
    '',
    report.state === 'passed'
      ? style(['bold', 'green'], 'PASSED: the system came back as the blueprint promises.')
      : style(['bold', 'red'], 'FAILED: the system did not come back as it should.'),
  ].join('\n')
}

function eventRow({ afterMs, text }: DrillEvent): readonly string[] {
  return [`+${formatDuration(Math.round(afterMs))}`, text]
}

function usersText({ requests, failed, latencyMsP95 }: NonNullable<DrillReport['users']>): string {
  return `users meanwhile: ${failed} of ${requests} requests failed, p95 of the worst second ${formatDuration(latencyMsP95)}`
}
