import type { TopicDatabase } from '../../../topics/topic-database.ts'
import type { DeadItems } from '../../dead-items.ts'
import type { DeadRow } from './item-row.ts'
import { deadItemOf, itemColumns } from './item-row.ts'
import { ITEM_COLUMNS, SCHEMA } from './schema.ts'

/** The rows of one queue in `tenfold_queues.dead`. */
export function createDeadItems(database: TopicDatabase, queue: number, onRedriven: () => void): DeadItems {
  return {
    async list({ max = 100 } = {}) {
      const { rows } = await database.query<DeadRow>(
        `select ${itemColumns('dead')}, cause, extract(epoch from failed_at)::float8 * 1000 as failed_ms
         from ${SCHEMA}.dead where queue = $1 order by failed_at limit $2`,
        [queue, max],
      )
      return rows.map(deadItemOf)
    },
    async redrive({ itemIds } = {}) {
      const { rowCount } = await database.query(
        `with back as (
           delete from ${SCHEMA}.dead where queue = $1 and ($2::uuid[] is null or item_id = any ($2)) returning *
         )
         insert into ${SCHEMA}.waiting (${ITEM_COLUMNS})
         select ${AGAIN} from back on conflict do nothing`,
        [queue, itemIds ?? null],
      )
      if (rowCount > 0) onRedriven()
      return rowCount
    },
    async remove({ itemIds }) {
      const { rowCount } = await database.query(
        `delete from ${SCHEMA}.dead where queue = $1 and item_id = any ($2::uuid[])`,
        [queue, itemIds],
      )
      return rowCount
    },
  }
}

const AGAIN = ITEM_COLUMNS.replace('run_at', 'clock_timestamp()').replace(
  'attempts, earlier_attempts',
  '0, earlier_attempts + attempts',
)
