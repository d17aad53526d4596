import type { ResolvedSharding } from '../blueprint/resolved-blueprint.ts'
import { TenfoldError } from '../core/errors.ts'
import { quoteIdentifier } from '../sql/quote-identifier.ts'
import { publishMap } from './change-owner.ts'
import { findKeyType } from './find-key-type.ts'
import { SCHEMA } from './guard.ts'
import { initialMap } from './initial-map.ts'
import { copyReference } from './reference/copy-reference.ts'
import { guardReference } from './reference/guard-reference.ts'
import type { ShardDatabase } from './shard-layout.ts'
import { guardTables, installShard, readMap } from './shard-layout.ts'
import type { ShardMap } from './shard-map.ts'
import { differenceOf } from './sharding-difference.ts'

/**
 * Makes the shards of a database out of databases that have the same tables, or finds that they are: what each knows of
 * the map, and guards on all tables. Run it as the owner of each, after every migration. Repeating it changes nothing, and
 * one that was killed on the way is finished by the next. Shards that are new own nothing until a move gives them something.
 *
 * @param shards all of them, in order; each has to be there
 * @throws TF_SHARD_TABLE_INVALID a table has neither the key first in its primary key nor a place among the reference tables
 * @throws TF_SHARDING_CHANGED the data is spread in another way than is asked for
 * @throws TF_SHARD_REFERENCE_INVALID a reference table can't be kept the same on all shards
 * @throws TF_SHARD_MISTAKEN a database is another shard; TF_SHARD_STALE it is from before a move
 */
export async function setUpShards(
  shards: readonly ShardDatabase[],
  { key: column, strategy, reference }: Pick<ResolvedSharding, 'key' | 'strategy' | 'reference'>,
): Promise<ShardMap> {
  const known = await Promise.all(shards.map(mapOf))
  const map = newest(known) ?? initialMap(strategy, { column, type: await findKeyType(shards[0]!, column) })
  const difference = differenceOf(map, { column, strategy, count: shards.length })
  if (difference !== undefined) {
    throw new TenfoldError('TF_SHARDING_CHANGED', `expected ${difference.expected}, got ${difference.got}`, {
      hint: difference.hint,
    })
  }
  for (const [number, shard] of shards.entries()) {
    await installShard(shard, number, map)
    if (known[number] === undefined) continue
    await refuseStale(shard, number, map)
    if (known[number].epoch < map.epoch) await publishMap(shard, map)
  }
  for (const [number, shard] of shards.entries()) {
    await guardAll(shard, map, reference)
    await guardReference(shard, number, reference)
  }
  // A shard that is new has them from the beginning. What one can't take now is tried again by whoever keeps them.
  await copyReference(shards, reference)
  return map
}

async function mapOf(shard: ShardDatabase): Promise<ShardMap | undefined> {
  const { rows } = await shard.query<{ isThere: boolean }>(
    `select to_regclass('${SCHEMA}.map') is not null as "isThere"`,
  )
  return rows[0]?.isThere === true ? readMap(shard) : undefined
}

function newest(maps: readonly (ShardMap | undefined)[]): ShardMap | undefined {
  return maps.filter((map) => map !== undefined).toSorted((a, b) => b.epoch - a.epoch)[0]
}

/** One that was restored to a time before a move would own again what is elsewhere now. */
async function refuseStale(shard: ShardDatabase, number: number, { shardEpochs }: ShardMap): Promise<void> {
  const { rows } = await shard.query<{ epoch: number }>(`select epoch from ${SCHEMA}.state`)
  const [epoch, expected] = [rows[0]?.epoch ?? 0, shardEpochs[number] ?? 0]
  if (epoch >= expected) return
  throw new TenfoldError(
    'TF_SHARD_STALE',
    `expected shard ${number} to be of epoch ${expected} at least, got ${epoch}: buckets were moved since`,
    {
      hint: 'restore all shards to one time, or this one to a time after the last move',
      details: { shard: number, epoch, expected },
    },
  )
}

async function guardAll(shard: ShardDatabase, map: ShardMap, reference: readonly string[]): Promise<void> {
  const without = await guardTables(shard, map, reference)
  if (without.length === 0) return
  const column = quoteIdentifier(map.column)
  throw new TenfoldError(
    'TF_SHARD_TABLE_INVALID',
    `expected ${without.join(', ')} to have the shard key ${column}, got none`,
    {
      hint: `add the column to the table, first in its primary key, or list the table in 'reference'`,
      details: { tables: without, column: map.column },
    },
  )
}
