import type { FollowerOptions } from '../../../src/clusters/cluster-options.ts'
import type { DatabaseAddress, DatabaseConnection, DatabaseOptions } from '../../../src/sql/database.ts'
import { connectDatabase } from '../../../src/sql/database.ts'
import { initialMap } from '../../../src/shards/initial-map.ts'
import type { ReshardPlaces } from '../../../src/shards/reshard/reshard-places.ts'
import { guardTables, installShard } from '../../../src/shards/shard-layout.ts'
import type { ShardedDatabase } from '../../../src/shards/sharded-database.ts'
import { createShardedDatabase } from '../../../src/shards/sharded-database.ts'
import type { ShardMap } from '../../../src/shards/shard-map.ts'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import { createTestBed } from '../clusters/test-bed.ts'

/** Two shards with a table of orders, on two servers. */
export interface TwoShards {
  readonly map: ShardMap
  /** As owners. */
  readonly shards: readonly [DatabaseConnection, DatabaseConnection]
  readonly clusters: readonly [Cluster, Cluster]
  readonly places: ReshardPlaces
  /** A service's. */
  client(): ShardedDatabase<unknown, number>
  end(): Promise<void>
}

const ORDERS =
  'create table "order" (user_id bigint, id uuid, cents int not null, note text, primary key (user_id, id))'

/**
 * @param tables statements that make the tables of each shard
 * @param followers of each shard; connections follow failovers then
 */
export async function createTwoShards(tables: string = ORDERS, followers?: FollowerOptions): Promise<TwoShards> {
  const bed = await createTestBed()
  const options = followers === undefined ? {} : { followers }
  const clusters = [bed.cluster('first', options), bed.cluster('second', options)] as const
  const address = (shard: number, url: (cluster: Cluster) => string, connectionsMax: number): DatabaseAddress => {
    const cluster = clusters[shard]!
    return { url: url(cluster), connectionsMax, ...(followers === undefined ? {} : { term: cluster.term }) }
  }
  const connections: DatabaseConnection[] = []
  const connect = (
    shard: number,
    url: (cluster: Cluster) => string,
    { connectionsMax = 10, ...more }: DatabaseOptions & { connectionsMax?: number },
  ): DatabaseConnection => {
    const connection: DatabaseConnection = connectDatabase(address(shard, url, connectionsMax), {
      ...more,
      refresh: async () => connection.moveTo(address(shard, url, connectionsMax)),
    })
    connections.push(connection)
    return connection
  }
  const owner = (cluster: Cluster): string => cluster.url()
  const superuser = (cluster: Cluster): string => cluster.adminUrl()
  const map = initialMap({ by: 'hash', count: 2, buckets: 16 }, { column: 'user_id', type: 'integer' })
  const shards = await Promise.all(
    clusters.map(async (cluster, shard) => {
      await cluster.start()
      const database = connect(shard, owner, { connectionsMax: 20 })
      await database.query(tables)
      await installShard(database, shard, map)
      await guardTables(database, map)
      return database
    }),
  )
  const admins = clusters.map((_, shard) => connect(shard, superuser, { connectionsMax: 8 }))
  const clients: ShardedDatabase<unknown, number>[] = []
  return {
    map,
    shards: shards as unknown as readonly [DatabaseConnection, DatabaseConnection],
    clusters,
    places: {
      count: 2,
      admin: (shard) => admins[shard]!,
      url: (shard) => clusters[shard]!.adminUrl(),
    },
    client() {
      const client = createShardedDatabase<unknown, number>({
        shards: 2,
        connect: (shard, guard) => connect(shard, owner, { guard }),
      })
      clients.push(client)
      return client
    },
    async end() {
      await Promise.all(clients.map((client) => client.end()))
      await Promise.all(connections.map((connection) => connection.end()))
      await bed.end()
    },
  }
}
