import { formatDuration } from '../../core/duration.ts'
import { formatTable } from '../../core/table.ts'
import type { GroupLag } from '../../topics/lag.ts'
import type { Terminal } from '../terminal.ts'
import { ageText, behindText } from './list-topics.ts'
import type { Action } from '../action.ts'
import { groupIn, onlyTopic } from './topic-arguments.ts'

/** `tenfold topics lag`. */
export const showLag: Action = async (input, control) => {
  const { terminal, options, signal } = input
  const topic = onlyTopic('lag', input.names)
  const group = groupIn(input)
  const all = await control.command<readonly GroupLag[]>('topic-lag', { topic }, { signal })
  const lags = group === undefined ? all : all.filter((lag) => lag.group === group)
  terminal.out(options['json'] === true ? JSON.stringify(lags) : lagView(topic, lags, terminal.style))
}

/** A line for each group, and one for each of its partitions. */
export function lagView(topic: string, lags: readonly GroupLag[], style: Terminal['style']): string {
  if (lags.length === 0) return `nobody reads ${topic} yet`
  const heading = ['group', 'partition', 'behind', 'oldest', 'finished/s', 'drained in', 'dead', 'member']
  const rows = lags.flatMap((lag) => [
    [style('bold', lag.group), 'all', ...cells(lag), memberCount(lag.members)],
    ...lag.partitions.map((each) => ['', String(each.partition), ...cells(each), each.owner?.slice(0, 8) ?? 'nobody']),
  ])
  return formatTable([heading.map((text) => style('dim', text)), ...rows])
}

function cells(
  lag: Pick<GroupLag, 'messages' | 'isMore' | 'oldestAgeMs' | 'rates' | 'deadLetters'>,
): readonly string[] {
  const { rates, messages } = lag
  // Infinity does not travel as JSON.
  const drainMs: number | null | undefined = rates?.drainMs
  const drained = rates === undefined || messages === 0 ? '' : drainMs === null ? 'never' : formatDuration(drainMs!)
  return [
    behindText(lag),
    ageText(lag.oldestAgeMs),
    rates === undefined ? '' : String(Number(rates.finishedPerSecond.toPrecision(3))),
    drained === '∞' ? 'never' : drained,
    String(lag.deadLetters),
  ]
}

function memberCount(members: number): string {
  return `${members} member${members === 1 ? '' : 's'}`
}
