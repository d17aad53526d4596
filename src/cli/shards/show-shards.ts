import { formatDuration } from '../../core/duration.ts'
import { formatSize } from '../../core/size.ts'
import { formatTable } from '../../core/table.ts'
import type { MoveStatus, ShardsStatus } from '../../runtime/shard-operating.ts'
import type { Action } from '../action.ts'
import { TenfoldError } from '../../core/errors.ts'
import { namedDatabase } from './named-database.ts'
import type { Terminal } from '../terminal.ts'

/** `tenfold shards status`. */
export const showShards: Action = async (input, control) => {
  const { terminal, options, signal } = input
  const { all, json } = options
  const { database, names } = namedDatabase(input)
  if (names.length > 0) {
    throw new TenfoldError('TF_USAGE', `expected the name of a database, or nothing, got ${input.names.join(' ')}`, {
      hint: 'write for example: tenfold shards status orders',
    })
  }
  const which = all === true ? 'all' : 'open'
  const status = await control.command<ShardsStatus>('shards-status', { database, which }, { signal })
  terminal.out(json === true ? JSON.stringify(status) : shardsView(status, terminal.style))
}

/** A line for each shard, and one for each move. */
export function shardsView({ database, epoch, shards, moves }: ShardsStatus, style: Terminal['style']): string {
  const heading = ['shard', 'buckets', 'rows', 'size']
  const rows = shards.map(({ shard, buckets, rows: count, bytes }) => [
    String(shard),
    String(buckets),
    `≈ ${count}`,
    formatSize(bytes),
  ])
  const table = formatTable([heading.map((text) => style('dim', text)), ...rows])
  const lines = moves.map((move) => moveLine(move, style))
  return [`${style('bold', database)}, map ${epoch}`, table, ...(lines.length === 0 ? [] : ['', ...lines])].join('\n')
}

/** Where a move is, and what can be done about it. */
export function moveLine(move: MoveStatus, style: Terminal['style']): string {
  const { id, from, to, buckets, problem } = move
  const what = `move ${id}: ${buckets} bucket${buckets === 1 ? '' : 's'} from shard ${from} to shard ${to}`
  const line = `${style('bold', what)}, ${stepText(move)}`
  if (problem === undefined) return line
  const next = problem.isFinal ? [`  It has stopped${problem.hint === undefined ? '' : `: ${problem.hint}`}`] : []
  return [line, `  ${style(problem.isFinal ? 'red' : 'yellow', problem.message)}`, ...next].join('\n')
}

function stepText({ id, step, isPaused, canGoBack, copied, verifiedRows, pauseMs }: MoveStatus): string {
  const command = `npx tenfold shards move ${id}`
  const waited = pauseMs === undefined ? '' : ` (writes waited for ${formatDuration(Math.round(pauseMs))})`
  if (isPaused) return `${step}, paused: "${command} --continue" goes on`
  switch (step) {
    case 'planned':
      return 'waits for its turn'
    case 'copying':
      return copied === undefined
        ? step
        : `copying: ${copied.tables} of ${copied.of} tables, and ${copied.rows} rows of the next`
    case 'verifying':
      return `verifying: ${verifiedRows} rows are equal`
    case 'moved': {
      const back = canGoBack ? `; "${command} --back" takes it back` : '; its way back is lost'
      return `moved${waited}: "${command} --finish --yes" deletes the rows where they were${back}`
    }
    case 'done':
      return `done${waited}`
    default:
      return step
  }
}
