import type { TraceSummary } from '../control/span.ts'
import { formatTable } from '../core/table.ts'
import type { Terminal } from './terminal.ts'
import { describeSpan, formatMs } from './trace-view.ts'

/** Traces as a table, in the order in which they come. */
export function tracesView(traces: readonly TraceSummary[], style: Terminal['style']): string {
  const heading = ['trace', 'began', '    took', 'spans', 'failed', 'longest span'].map((text) => style('dim', text))
  const rows = traces.map(({ traceId, longest, spans, errors }) => [
    traceId,
    new Date(longest.startEpochMs).toISOString(),
    formatMs(longest.durationMs).padStart(8),
    String(spans),
    errors === 0 ? '0' : style('red', String(errors)),
    `${longest.instance ?? longest.service}  ${describeSpan(longest, style)}`,
  ])
  return formatTable([heading, ...rows])
}
