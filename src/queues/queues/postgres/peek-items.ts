import type { StatementRunner } from '../../../topics/topic-database.ts'
import type { PeekedItem } from '../../peeked-item.ts'
import type { ItemRow } from './item-row.ts'
import { itemColumns, itemOf } from './item-row.ts'
import { SCHEMA } from './schema.ts'

interface PeekedRow extends ItemRow {
  readonly state: PeekedItem['state']
  readonly at_ms: number
  readonly progress: string | null
}

/**
 * Items of a queue as they are, changing nothing: those that workers have, then those that may begin, in the order in
 * which they will, then those that are not due yet. Dead ones are elsewhere: see `DeadItems`.
 *
 * @param queue its id
 * @param max at most so many
 */
export async function peekItems(runner: StatementRunner, queue: number, max: number): Promise<readonly PeekedItem[]> {
  const { rows } = await runner.query<PeekedRow>(PEEK, [queue, max])
  return rows.map((row) => ({
    ...itemOf(row),
    state: row.state,
    atEpochMs: row.at_ms,
    attempts: row.earlier_attempts + row.attempts,
    progress: row.progress ?? undefined,
  }))
}

/** Each part is read by an index, and no further than is shown. */
const PEEK = `
  select * from (
    (${selected('running', { state: 'running', at: 'begun_at', progress: 'progress' })}
     where queue = $1 order by begun_at limit $2)
    union all
    (${selected('waiting', { state: 'waiting', at: 'run_at' })}
     where queue = $1 and run_at <= clock_timestamp() order by priority, run_at, number limit $2)
    union all
    (${selected('parked', { state: 'limited', at: 'run_at' })}
     where queue = $1 order by priority, run_at, number limit $2)
    union all
    (${selected('waiting', { state: 'delayed', at: 'run_at' })}
     where queue = $1 and run_at > clock_timestamp() order by run_at, number limit $2)
  ) item
  order by array_position(array['running', 'waiting', 'limited', 'delayed'], state),
    case when state in ('waiting', 'limited') then priority end, at_ms, number
  limit $2`

function selected(
  table: string,
  { state, at, progress = 'null' }: { readonly state: string; readonly at: string; readonly progress?: string },
): string {
  return `select '${state}' as state, ${itemColumns(table)}, number, extract(epoch from ${at})::float8 * 1000 as at_ms,
       ${progress} as progress from ${SCHEMA}.${table}`
}
