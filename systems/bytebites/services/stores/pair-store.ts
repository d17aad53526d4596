import { type Kysely, sql } from 'kysely'
import type { CatalogTables } from '../../data/tables.ts'
import type { PairCount } from '../../domain/order-placed.ts'

/** Adds counts to those that are there, in one statement and in their order. */
export async function addPairs(db: Kysely<CatalogTables>, counts: readonly PairCount[]): Promise<void> {
  if (counts.length === 0) return
  await db
    .insertInto('ordered_together')
    .values(counts.map(({ recipeId, otherId, times }) => ({ recipe_id: recipeId, other_id: otherId, times })))
    .onConflict((conflict) =>
      conflict
        .columns(['recipe_id', 'other_id'])
        .doUpdateSet({ times: sql<number>`ordered_together.times + excluded.times` }),
    )
    .execute()
}
