import type { StatementRunner, TopicDatabase } from '../../../topics/topic-database.ts'
import type { ClaimedItem, Failure } from '../../queue-engine.ts'
import { ITEM_COLUMNS, SCHEMA } from './schema.ts'

/*
 * A worker has an item as long as its row in `running` has the number of the worker's claim. Each of these takes the row
 * away if so, and tells which they were. What is not there any more was lost: nothing happens to it.
 */

const MINE = `delete from ${SCHEMA}.running where item_id = any ($1::uuid[]) and claim = any ($2::bigint[])`
const CAUSE_MAX = 2_000
const PROGRESS_MAX = 500

/** The items are done. @returns the ids of those that this worker had */
export async function deleteClaims(
  runner: StatementRunner,
  items: readonly ClaimedItem[],
): Promise<ReadonlySet<string>> {
  const { rows } = await runner.query<{ item_id: string }>(`${MINE} returning item_id`, claimsOf(items))
  return new Set(rows.map((row) => row.item_id))
}

/** The items wait as before. */
export async function returnClaims(runner: StatementRunner, items: readonly ClaimedItem[]): Promise<void> {
  await runner.query(
    `with mine as (${MINE} returning *)
     insert into ${SCHEMA}.waiting (${ITEM_COLUMNS})
     select ${ITEM_COLUMNS} from mine where not is_cancelled on conflict do nothing`,
    claimsOf(items),
  )
}

/**
 * What a worker has by the database and does not know of: the answer to a claim was lost. A claim that is still under way
 * holds the row of the worker, and is waited for.
 */
export async function returnUnknown(database: TopicDatabase, worker: string, known: readonly string[]): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query(`select from ${SCHEMA}.worker where id = $1 for update`, [worker])
    await tx.query(
      `with unknown as (
         delete from ${SCHEMA}.running where worker = $1 and item_id <> all ($2::uuid[]) returning *
       )
       insert into ${SCHEMA}.waiting (${ITEM_COLUMNS})
       select ${ITEM_COLUMNS} from unknown where not is_cancelled on conflict do nothing`,
      [worker, known],
    )
  })
}

/** The item waits for its next try, unless it was cancelled. @returns whether this worker had it */
export async function postponeClaim(
  runner: StatementRunner,
  item: ClaimedItem,
  { attempts, afterMs }: Failure & { readonly afterMs: number },
): Promise<boolean> {
  const columns = ITEM_COLUMNS.replace(
    'run_at',
    'clock_timestamp() + make_interval(secs => $4::float8 / 1000)',
  ).replace('attempts', '$3::int')
  const { rows } = await runner.query<{ count: number }>(
    `with mine as (${MINE} returning *), back as (
       insert into ${SCHEMA}.waiting (${ITEM_COLUMNS})
       select ${columns} from mine where not is_cancelled on conflict do nothing
     )
     select count(*)::int as count from mine`,
    [...claimsOf([item]), attempts, afterMs],
  )
  return rows[0]?.count === 1
}

/** The item is dead, unless it was cancelled. @returns whether this worker had it */
export async function buryClaim(
  runner: StatementRunner,
  item: ClaimedItem,
  { attempts, cause }: Failure,
): Promise<boolean> {
  const { rows } = await runner.query<{ count: number }>(
    `with mine as (${MINE} returning *), dead as (
       insert into ${SCHEMA}.dead (${ITEM_COLUMNS}, cause)
       select ${ITEM_COLUMNS.replace('attempts', '$3::int')}, $4 from mine where not is_cancelled
       on conflict (item_id) do update set attempts = excluded.attempts, cause = excluded.cause
     )
     select count(*)::int as count from mine`,
    [...claimsOf([item]), attempts, textOf(cause, CAUSE_MAX)],
  )
  return rows[0]?.count === 1
}

export async function noteProgress(runner: StatementRunner, item: ClaimedItem, progress: string): Promise<void> {
  await runner.query(`update ${SCHEMA}.running set progress = $3 where item_id = $1 and claim = $2`, [
    item.itemId,
    item.claim,
    textOf(progress, PROGRESS_MAX),
  ])
}

/** Lets those begin that were parked because of these keys. */
export async function unpark(
  runner: StatementRunner,
  queue: number,
  items: readonly Pick<ClaimedItem, 'key'>[],
): Promise<void> {
  const keys = [...new Set(items.map(({ key }) => key).filter((key) => key !== undefined))]
  if (keys.length > 0) await runner.query(`select ${SCHEMA}.unpark($1, $2) /* update */`, [queue, keys])
}

/** What the database can hold: anybody may have written it. */
function textOf(text: string, max: number): string {
  return text.replaceAll('\0', '').slice(0, max)
}

function claimsOf(items: readonly ClaimedItem[]): readonly [readonly string[], readonly string[]] {
  return [items.map(({ itemId }) => itemId), items.map(({ claim }) => claim)]
}
