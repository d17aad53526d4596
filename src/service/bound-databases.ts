import { TenfoldError } from '../core/errors.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import type { EffectsDatabase } from '../topics/handler.ts'

/** The databases of a service, as its topics and queues need them. */
export interface BoundDatabases {
  /** Names of those that it lists. */
  readonly listed: readonly string[]
  /** Also one that it does not list. @throws TF_BINDINGS_INVALID */
  connection(name: string): DatabaseConnection
  /** The connection behind a handle, which engines know. @throws TF_OPTION_INVALID */
  effects<Transaction>(handle: EffectsDatabase<Transaction>): EffectsDatabase<Transaction>
}

/** A database that is bound; the handle is the service's only if it lists it. */
export interface KnownDatabase {
  readonly connection: DatabaseConnection
  readonly handle: object
  readonly isListed: boolean
}

export function createBoundDatabases(databases: ReadonlyMap<string, KnownDatabase>): BoundDatabases {
  const listed = [...databases].filter(([, { isListed }]) => isListed)
  return {
    listed: listed.map(([name]) => name),
    connection(name) {
      const known = databases.get(name)
      if (known !== undefined) return known.connection
      throw new TenfoldError('TF_BINDINGS_INVALID', `expected an address for ${name} in the bindings, got none`, {
        hint: 'start the service with the version of tenfold that it imports',
      })
    },
    effects<Transaction>(handle: EffectsDatabase<Transaction>) {
      const found = listed.find(([, known]) => known.handle === handle)
      if (found !== undefined) return found[1].connection as unknown as EffectsDatabase<Transaction>
      throw new TenfoldError('TF_OPTION_INVALID', 'expected effects to be in a database that the service lists', {
        hint: 'write { effects: databases.NAME }',
      })
    },
  }
}

/** A transaction of a database that the service does not list has no outbox. */
export function foreignTransaction(name: string): TenfoldError {
  return new TenfoldError(
    'TF_OPTION_INVALID',
    `expected the transaction for ${name} to be of a database that the service lists`,
    { hint: 'use the transaction of databases.NAME.transaction(…)', details: { name } },
  )
}
