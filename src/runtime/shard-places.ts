import type { ReshardPlaces } from '../shards/reshard/reshard-places.ts'
import { TenfoldError } from '../core/errors.ts'
import type { DatabaseAddress, DatabaseConnection } from '../sql/database.ts'
import { connectDatabase } from '../sql/database.ts'
import type { DatabaseUnit } from './database-unit.ts'

/** The shards of a database that runs, for what moves rows between them. */
export interface ShardPlaces extends ReshardPlaces {
  readonly database: string
  /** How many there are now; there may come more. */
  readonly count: number
  /**
   * The primary of a shard as superuser, whichever node that is: it follows fail-overs. Opened when it is first used, and
   * ended with the database. @throws TF_USAGE there is no such shard
   */
  admin(shard: number): DatabaseConnection
  /**
   * Where that primary is now, by the Unix socket that all servers of the machine can reach, password included: also for
   * the subscription of another shard. Another one after a fail-over. @throws TF_USAGE, TF_NOT_RUNNING
   */
  url(shard: number): string
}

/** Of one caller to one shard: as many as move buckets there side by side, and some more. */
const CONNECTIONS_MAX = 8

/** @param units of the shards as they are then, in order */
export function createShardPlaces(
  database: string,
  units: () => readonly DatabaseUnit[],
): ShardPlaces & { end(): Promise<void> } {
  const connections = new Map<DatabaseUnit, DatabaseConnection>()

  function unitOf(shard: number): DatabaseUnit {
    const unit = units()[shard]
    if (unit !== undefined) return unit
    throw new TenfoldError('TF_USAGE', `expected a shard of ${database} (0 to ${units().length - 1}), got ${shard}`, {
      hint: 'count from 0',
    })
  }

  function addressOf(unit: DatabaseUnit): DatabaseAddress {
    return { url: unit.adminUrl(), term: unit.term, connectionsMax: CONNECTIONS_MAX }
  }

  return {
    database,
    get count() {
      return units().length
    },
    admin(shard) {
      const unit = unitOf(shard)
      const known = connections.get(unit)
      if (known !== undefined) return known
      const connection: DatabaseConnection = connectDatabase(addressOf(unit), {
        applicationName: 'tenfold shards',
        refresh: async () => connection.moveTo(addressOf(unit)),
      })
      connections.set(unit, connection)
      return connection
    },
    url: (shard) => unitOf(shard).adminUrl(),
    async end() {
      const open = [...connections.values()]
      connections.clear()
      await Promise.all(open.map((connection) => connection.end()))
    },
  }
}
