import type { Client } from 'pg'
import type { SeedValue } from '../blueprint/seed.ts'
import { bucketOf } from '../shards/bucket-of.ts'
import { readMap } from '../shards/shard-layout.ts'
import { SCHEMA } from '../shards/guard.ts'
import type { SqlResult } from '../sql/session.ts'

/** Which rows of a database belong into the one that is being filled. */
export interface RowsHere {
  /** Whether rows of this shard key do. */
  has(key: unknown): boolean
  /** Those of a table that do: all, unless it has the shard key. */
  of(columns: readonly string[], rows: Iterable<readonly SeedValue[]>): Iterable<readonly SeedValue[]>
}

/** By the map of a shard, as of now: what moves away meanwhile is refused by its guard. */
export async function rowsOfShard(client: Client): Promise<RowsHere> {
  const query = async <Row>(text: string, values: readonly unknown[] = []): Promise<SqlResult<Row>> => {
    const { rows, rowCount, command } = await client.query(text, [...values])
    return { rows: rows as Row[], rowCount: rowCount ?? 0, command }
  }
  const { column, partitioning, owners } = await readMap({ query })
  const { rows } = await query<{ shard: number }>(`select shard from ${SCHEMA}.state`)
  const shard = rows[0]?.shard
  const has = (key: unknown): boolean => owners.get(bucketOf(partitioning, key))?.shard === shard
  return {
    has,
    *of(columns, all) {
      const index = columns.indexOf(column)
      for (const row of all) if (index < 0 || has(row[index])) yield row
    },
  }
}

/** Of a database that is one cluster: all. */
export const ALL_ROWS: RowsHere = { has: () => true, of: (_, rows) => rows }
