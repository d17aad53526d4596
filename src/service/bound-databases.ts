import { TenfoldError } from '../core/errors.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import type { EffectsDatabase } from '../topics/handler.ts'
import type { BoundDatabase, DatabasePlace } from './bound-database.ts'

/** The databases of a service, as its topics and queues need them. */
export interface BoundDatabases {
  /** Names of those that it lists. */
  readonly listed: readonly string[]
  /** What holds topics and queues: one cluster, also one that is not listed. @throws TF_BINDINGS_INVALID */
  connection(name: string): DatabaseConnection
  /** Where transactions of a database that it lists may put what is for elsewhere. */
  places(name: string): readonly DatabasePlace[]
  /** The connection behind a handle, which engines know. @throws TF_OPTION_INVALID */
  effects<Transaction>(handle: EffectsDatabase<Transaction>): EffectsDatabase<Transaction>
}

/** A database that is bound; the handle is the service's only if it lists it. */
export interface KnownDatabase extends Pick<BoundDatabase, 'connection' | 'handle' | 'places'> {
  readonly isListed: boolean
}

export function createBoundDatabases(databases: ReadonlyMap<string, KnownDatabase>): BoundDatabases {
  const listed = [...databases].filter(([, { isListed }]) => isListed)
  return {
    listed: listed.map(([name]) => name),
    connection(name) {
      const connection = databases.get(name)?.connection
      if (connection !== undefined) return connection
      throw new TenfoldError('TF_BINDINGS_INVALID', `expected an address for ${name} in the bindings, got none`, {
        hint: 'start the service with the version of tenfold that it imports',
      })
    },
    places: (name) => databases.get(name)?.places() ?? [],
    effects<Transaction>(handle: EffectsDatabase<Transaction>) {
      const found = listed.find(([, known]) => known.handle === handle)
      const [name, known] = found ?? []
      if (known?.connection !== undefined) return known.connection as unknown as EffectsDatabase<Transaction>
      if (known !== undefined) throw shardedEffects(name as string)
      throw new TenfoldError('TF_OPTION_INVALID', 'expected effects to be in a database that the service lists', {
        hint: 'write { effects: databases.NAME }',
      })
    },
  }
}

function shardedEffects(name: string): TenfoldError {
  return new TenfoldError(
    'TF_OPTION_INVALID',
    `expected effects to be in one database, but ${name} is several shards`,
    {
      hint: `write with databases.${name}.shard(key).transaction(…) in the handler, so that doing it again changes nothing`,
      details: { name },
    },
  )
}

/** A transaction of a database that the service does not list has no outbox. */
export function foreignTransaction(name: string): TenfoldError {
  return new TenfoldError(
    'TF_OPTION_INVALID',
    `expected the transaction for ${name} to be of a database that the service lists`,
    { hint: 'use the transaction of databases.NAME.transaction(…)', details: { name } },
  )
}
