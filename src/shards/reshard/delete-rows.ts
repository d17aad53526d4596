import type { Clock } from '../../core/clock.ts'
import { sleep } from '../../core/clock.ts'
import { SCHEMA } from '../guard.ts'
import type { ShardDatabase } from '../shard-layout.ts'
import { asHolder } from './hold-move.ts'
import type { MovedTable } from './moved-tables.ts'

/** @see deleteRows */
export interface Deletion {
  readonly move: number
  readonly holder: string
  readonly buckets: readonly number[]
  readonly tables: readonly MovedTable[]
  /** Condition that a row has to meet. */
  readonly filter: string
  readonly clock: Clock
  /** Asked between batches; what it throws is thrown. */
  checkpoint(): Promise<void>
}

const BATCH_ROWS = 1_000

/**
 * Deletes the rows of buckets that a shard does not own, a few at a time with pauses as long as the work took, past guards,
 * foreign keys and triggers: they were about the rows where they live.
 *
 * @returns how many there were
 * @throws TF_MOVE_TAKEN somebody else drives the move
 */
export async function deleteRows(shard: ShardDatabase, deletion: Deletion): Promise<number> {
  const { tables, filter, clock, checkpoint } = deletion
  let count = 0
  for (const { name, key } of tables) {
    const columns = key.map((column) => column.name).join(', ')
    let after: readonly string[] | undefined
    for (;;) {
      await checkpoint()
      const startMs = clock.nowMs()
      const batch = await asHolder(shard, deletion, async (tx) => {
        await expectNotOwned(tx, deletion.buckets)
        await tx.query(`select set_config('session_replication_role', 'replica', true)`)
        const beyond =
          after === undefined ? '' : `and (${columns}) > (${key.map(({ type }, n) => `$${n + 1}::${type}`).join(', ')})`
        const { rows } = await tx.query<{ last: readonly string[] }>(
          `with gone as (
             delete from ${name} where (${columns}) in (
               select ${columns} from ${name} where ${filter} ${beyond} order by ${columns} limit ${BATCH_ROWS})
             returning ${columns})
           select array[${key.map((column) => `${column.name}::text`).join(', ')}] as last from gone order by ${columns}`,
          after,
        )
        return rows
      })
      count += batch.length
      after = batch.at(-1)?.last
      if (batch.length < BATCH_ROWS) break
      await sleep(clock, clock.nowMs() - startMs)
    }
  }
  return count
}

/** Locks what says so until the end of the transaction, so that the shard can't become the owner meanwhile. */
async function expectNotOwned(tx: Pick<ShardDatabase, 'query'>, buckets: readonly number[]): Promise<void> {
  const { rows } = await tx.query<{ bucket: number; state: string }>(
    `select bucket, state from ${SCHEMA}.owned where bucket = any ($1) for share`,
    [buckets],
  )
  const owned = rows.find(({ state }) => state === 'owned')
  if (owned !== undefined)
    throw new Error(`rows of bucket ${owned.bucket} were to be deleted on the shard that owns it`)
}
