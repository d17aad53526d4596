import type { Kysely } from 'kysely'
import type { DatabaseAddress, DatabaseConnection } from '../sql/database.ts'
import { connectDatabase } from '../sql/database.ts'
import type { DatabaseBinding, ShardBinding } from './bindings-document.ts'
import { bindShardedDatabase } from './bound-sharded-database.ts'
import type { DatabaseHandle } from './handles.ts'

/** A handle that stays good when its database moves. */
export interface BoundDatabase {
  readonly handle: object
  /** What is behind the handle; undefined where that are several. */
  readonly connection: DatabaseConnection | undefined
  /** Where outboxes are: the database, or each of its shards now. */
  places(): readonly DatabasePlace[]
  /** Uses the new addresses from now on; see `DatabaseConnection.moveTo`. */
  rebind(binding: DatabaseBinding): void
  /** Waits for the work in progress, then closes the connections. */
  close(): Promise<void>
}

/** One cluster behind a handle. */
export interface DatabasePlace {
  /** `orders`, or `orders-2` for a shard. */
  readonly name: string
  /** For what is done there without a key. */
  readonly connection: DatabaseConnection
  /** Whether a transaction of this database is one of here. */
  isOf(database: object): boolean
}

/** @see bindDatabase */
export interface BindOptions {
  readonly applicationName: string
  /** Looks whether there is another binding and calls `rebind` with it before it resolves. */
  readonly refresh: () => Promise<void>
}

/** The handle of a database, sharded or not. */
export function bindDatabase(name: string, binding: DatabaseBinding, options: BindOptions): BoundDatabase {
  if (binding.key !== undefined) return bindShardedDatabase(name, binding, options)
  const connection = connectDatabase(addressOf(binding), options)
  const handle: DatabaseHandle<unknown> = {
    get db(): Kysely<unknown> {
      return connection.db
    },
    transaction: (work, how) => connection.transaction(work, how),
    read: (how) => connection.read(how),
    token: () => connection.token(),
    committed: (of) => connection.committed(of),
  }
  const place: DatabasePlace = { name, connection, isOf: (database) => database === connection }
  return {
    connection,
    handle,
    places: () => [place],
    rebind: (changed) => connection.moveTo(addressOf(changed)),
    close: () => connection.end(),
  }
}

function addressOf({ shards, connectionsMax }: DatabaseBinding): DatabaseAddress {
  return { ...(shards[0] as ShardBinding), connectionsMax }
}
