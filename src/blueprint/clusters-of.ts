import type { Sharding } from './database.ts'
import type { ResolvedBlueprint, ResolvedDatabase } from './resolved-blueprint.ts'

/** A cluster of servers that holds a database, or one shard of it. Its name is that of the database, or `orders-0`. */
export interface ResolvedCluster extends ResolvedDatabase {
  /** The database that services know. */
  readonly database: string
  /** Counted from 0; absent: it holds the whole database. */
  readonly shard?: number
}

/** How many shards a sharding asks for. */
export function shardCount(sharding: Sharding): number {
  if (sharding.by === 'range') return sharding.bounds.length + 1
  return sharding.by === 'list' ? Object.keys(sharding.lists).length : sharding.count
}

/** The name of what holds a shard: `orders-2`. */
export function shardName(database: string, shard: number): string {
  return `${database}-${shard}`
}

/** The clusters of a database, in the order of its shards. */
export function clustersOf(database: ResolvedDatabase): readonly ResolvedCluster[] {
  const { name, sharding } = database
  if (sharding === undefined) return [{ ...database, database: name }]
  return Array.from({ length: sharding.count }, (_, shard) => ({
    ...database,
    name: shardName(name, shard),
    database: name,
    shard,
  }))
}

/** All clusters of a system, by name. */
export function clusters({
  databases,
}: Pick<ResolvedBlueprint, 'databases'>): Readonly<Record<string, ResolvedCluster>> {
  return Object.fromEntries(
    Object.values(databases)
      .flatMap(clustersOf)
      .map((cluster) => [cluster.name, cluster]),
  )
}
